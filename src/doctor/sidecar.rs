//! The verdict of a sidecar, read from its pod's IP address and reduced to what a companion shows.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use tokio::time::timeout;

use crate::catalogue::{FailureMode, Severity, Timeouts};
use crate::doctor::exporter_pod::ExporterPod;
use crate::doctor::findings::{STATUSES, status};
use crate::doctor::verdict_document::{DocumentError, Label, RootCause, VerdictDocument};
use crate::doctor::view::STATUS_ROUTE;
use crate::net::{Resolver, StreamResponse, Target};
use crate::redaction::scrubbed;
use crate::report::{Evidence, Finding, PhaseTimer};

/// Largest document that is read, in bytes. That of 22 failing checks has 60 KiB.
const MAX_DOCUMENT_BYTES: usize = 256 << 10;
/// Deadline for one sidecar; a person waits for the page.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// Largest number of root causes that are kept of a sidecar.
const MAX_ROOT_CAUSES: usize = 12;

/// A sidecar, and what it says.
#[derive(Clone, Debug)]
pub struct SidecarView {
    /// Its namespace.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// Its node, once the pod is scheduled.
    pub node: Option<String>,
    /// Its port.
    pub port: u16,
    /// Its verdict, or why there is none.
    pub verdict: Result<SidecarVerdict, SidecarError>,
}

/// The parts of a sidecar's verdict that a companion shows.
#[derive(Clone, Debug)]
pub struct SidecarVerdict {
    /// When it was written.
    pub at: Option<Timestamp>,
    /// The version of the sidecar.
    pub version: Evidence,
    /// Its root causes, most urgent first.
    pub root_causes: Vec<SidecarRootCause>,
    /// Number of checks by status, in the order of `STATUSES`.
    summary: [usize; STATUSES.len()],
}

/// A root cause that a sidecar reports.
#[derive(Clone, Debug)]
pub struct SidecarRootCause {
    /// The check that shows it.
    pub check: Label,
    /// Its mode.
    pub mode: Label,
    /// Its urgency.
    pub severity: Severity,
    /// Since when it holds.
    pub since: Option<Timestamp>,
    /// The evidence, without what looks like a secret.
    pub evidence: Evidence,
}

/// Why a sidecar cannot be read, as a sentence.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SidecarError {
    /// Its container does not run.
    #[error("it does not run: {0}")]
    NotRunning(Evidence),
    /// Its pod has no IP address.
    #[error("its pod has no IP address yet")]
    NoAddress,
    /// Nothing listens on its port.
    #[error("it cannot be reached from here: {0}; it is starting, or listens elsewhere")]
    Refused(Evidence),
    /// No connection, or no response.
    #[error("it cannot be reached from here: {0}; a network policy may block this companion")]
    Unreachable(Evidence),
    /// It requires a password.
    #[error("it requires a password, which this companion does not have")]
    PasswordRequired,
    /// Its web configuration file requires TLS.
    #[error(
        "its web configuration file protects it with TLS, and this companion cannot verify its \
         certificate"
    )]
    Protected,
    /// It responded with an error.
    #[error("it responded with {status} {reason}")]
    Rejected {
        /// The status code.
        status: StatusCode,
        /// The quoted body.
        reason: String,
    },
    /// Its response exceeds the limit.
    #[error("its response is larger than {0} bytes")]
    TooLarge(usize),
    /// Its document cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl SidecarView {
    /// Reads the verdict of a sidecar from its pod's IP address.
    pub async fn read(resolver: &Resolver, pod: &ExporterPod) -> Self {
        Self {
            verdict: verdict(resolver, pod).await,
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            node: pod.node.clone(),
            port: pod.port,
        }
    }
}

impl SidecarVerdict {
    /// Returns the parts of a document that a companion shows.
    pub fn new(document: &VerdictDocument) -> Self {
        let mut summary = [0; STATUSES.len()];
        for check in &document.checks {
            let word = status(check.status.as_str());
            if let Some(at) = STATUSES.iter().position(|known| *known == word) {
                summary[at] += 1;
            }
        }
        let roots = document.root_causes.iter().take(MAX_ROOT_CAUSES);
        Self {
            at: document.at,
            version: document.exporter.version.clone(),
            root_causes: roots
                .map(|root| SidecarRootCause::new(root, document))
                .collect(),
            summary,
        }
    }

    /// Returns the number of checks with this status.
    pub fn count(&self, status: &str) -> usize {
        let mut counts = STATUSES.iter().zip(self.summary);
        counts
            .find(|(known, _)| **known == status)
            .map_or(0, |(_, count)| count)
    }
}

impl SidecarRootCause {
    fn new(root: &RootCause, document: &VerdictDocument) -> Self {
        let check = document.check(&root.check);
        let of_mode = check.and_then(|check| check.mode(&root.mode));
        let evidence = of_mode
            .map(|text| &text.evidence)
            .or_else(|| check.map(|check| &check.evidence));
        let evidence = evidence.map_or("", Evidence::as_str);
        Self {
            check: root.check.clone(),
            mode: root.mode.clone(),
            severity: root.severity.unwrap_or(Severity::Warning),
            since: root.since,
            evidence: scrubbed(evidence).as_ref().into(),
        }
    }

    /// Returns the mode if this program knows it.
    pub fn known_mode(&self) -> Option<FailureMode> {
        FailureMode::from_label(self.mode.as_str())
    }
}

async fn verdict(resolver: &Resolver, pod: &ExporterPod) -> Result<SidecarVerdict, SidecarError> {
    if let Some(why) = &pod.not_running {
        return Err(SidecarError::NotRunning(why.clone()));
    }
    let address = pod.address.ok_or(SidecarError::NoAddress)?;
    let body = match timeout(READ_TIMEOUT, get(resolver, pod, address)).await {
        Ok(read) => read?,
        Err(_elapsed) => {
            let why = format!("no response within {READ_TIMEOUT:?}");
            return Err(SidecarError::Unreachable(why.into()));
        }
    };
    Ok(SidecarVerdict::new(&VerdictDocument::parse(&body)?))
}

async fn get(
    resolver: &Resolver,
    pod: &ExporterPod,
    address: IpAddr,
) -> Result<Vec<u8>, SidecarError> {
    let target = Target {
        host: address.to_string(),
        port: pod.port,
        trust: None,
        server_name: None,
        proxy: None,
        timeouts: Timeouts::AGENT,
    };
    let no_response = |finding: Finding| {
        if pod.has_web_config {
            SidecarError::Protected
        } else {
            SidecarError::Unreachable(finding.evidence)
        }
    };
    let timer = PhaseTimer::default();
    let connection = target.open(resolver, &timer).await;
    let mut connection = connection.map_err(|finding| match finding.mode {
        FailureMode::NetRefused => SidecarError::Refused(finding.evidence),
        _ => SidecarError::Unreachable(finding.evidence),
    })?;
    let path = format!("{}{STATUS_ROUTE}", pod.route_prefix);
    let response = connection.stream(resolver, &path, HeaderMap::new()).await;
    let mut stream = match response.map_err(no_response)? {
        StreamResponse::Stream(stream) => stream,
        StreamResponse::Rejected(response) if response.status == StatusCode::UNAUTHORIZED => {
            return Err(SidecarError::PasswordRequired);
        }
        StreamResponse::Rejected(response) => {
            return Err(SidecarError::Rejected {
                status: response.status,
                reason: response.quoted(),
            });
        }
    };
    let mut body = Vec::new();
    while let Some(chunk) = stream.next(READ_TIMEOUT).await.map_err(no_response)? {
        if body.len() + chunk.len() > MAX_DOCUMENT_BYTES {
            return Err(SidecarError::TooLarge(MAX_DOCUMENT_BYTES));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
