//! The view of one vantage: an exporter in the cluster, a short-lived pod, or this machine.

use std::fmt;

use crate::catalogue::CheckId;
use crate::config::Vantage;
use crate::doctor::exporter_pod::ExporterPod;
use crate::doctor::one_off_pod::OneOffPodError;
use crate::doctor::pod_proxy;
use crate::doctor::pod_proxy::PodProxyError;
use crate::doctor::verdict_document::{
    DocumentError, Label, MAX_DOCUMENT_BYTES, RootCause, VerdictDocument,
};
use crate::kube::Client;

/// The route of an exporter's verdict.
pub(super) const STATUS_ROUTE: &str = "/api/v1/status";

/// Where checks run.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// In the agent's pod.
    Sidecar,
    /// In a pod with the agent's environment that this program started.
    ShortLivedPod,
    /// In the companion's pod.
    Companion,
    /// On the machine of the person who runs `check`.
    ThisMachine,
}

/// The view of one vantage.
#[derive(Debug)]
pub struct View {
    /// Where its checks ran.
    pub place: Place,
    /// Its pod, as `NAMESPACE/NAME`; empty for this machine.
    pub pod: String,
    /// Its verdict, or why there is none.
    pub verdict: Result<VerdictDocument, ViewError>,
}

/// Why there is no verdict.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ViewError {
    /// The exporter cannot be read.
    #[error(transparent)]
    Proxy(#[from] PodProxyError),
    /// Its document cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The short-lived pod printed none.
    #[error(transparent)]
    Pod(#[from] OneOffPodError),
}

impl View {
    /// Reads the verdict of an exporter.
    pub async fn ask(client: &Client, pod: &ExporterPod) -> Self {
        Self {
            place: match pod.vantage {
                Vantage::Sidecar => Place::Sidecar,
                Vantage::Companion => Place::Companion,
            },
            pod: format!("{}/{}", pod.namespace, pod.name),
            verdict: verdict(client, pod).await,
        }
    }

    /// Reads the verdicts of all exporters at the same time.
    pub async fn ask_all(client: &Client, pods: &[ExporterPod]) -> Vec<Self> {
        futures_util::future::join_all(pods.iter().map(|pod| Self::ask(client, pod))).await
    }

    /// Keeps only what it says of these checks; of all checks if there are none.
    pub fn keep(&mut self, checks: &[CheckId]) {
        if checks.is_empty() {
            return;
        }
        if let Ok(document) = &mut self.verdict {
            let is_kept =
                |label: &Label| checks.iter().any(|check| check.label() == label.as_str());
            document.root_causes.retain(|root| is_kept(&root.check));
            document.checks.retain(|check| is_kept(&check.id));
        }
    }

    /// Leaves this machine's reading of the agent's log out where an exporter follows the log: only
    /// the exporter knows which lines newer evidence disproves. What explains another failure stays.
    pub fn prefer_followed_log(views: &mut [Self]) {
        let log = CheckId::AgentLog.label();
        let follows = |view: &Self| {
            let exporter = matches!(view.place, Place::Sidecar | Place::Companion);
            let checks = view.verdict.iter().flat_map(|document| &document.checks);
            let mut logs = checks.filter(|check| check.id.as_str() == log);
            exporter
                && logs.any(|check| matches!(check.status.as_str(), "ok" | "warning" | "failing"))
        };
        if !views.iter().any(follows) {
            return;
        }
        let own = views
            .iter_mut()
            .filter(|view| view.place == Place::ThisMachine);
        for document in own.filter_map(|view| view.verdict.as_mut().ok()) {
            let is_log = |root: &RootCause| root.check.as_str() == log;
            let roots = &mut document.root_causes;
            roots.retain(|root| !is_log(root) || !root.also_affected.is_empty());
            if !roots.iter().any(is_log) {
                document.checks.retain(|check| check.id.as_str() != log);
            }
        }
    }

    /// Returns the verdict of this machine's own checks.
    pub fn of_this_machine(document: VerdictDocument) -> Self {
        Self {
            place: Place::ThisMachine,
            pod: String::new(),
            verdict: Ok(document),
        }
    }
}

async fn verdict(client: &Client, pod: &ExporterPod) -> Result<VerdictDocument, ViewError> {
    let body = pod_proxy::get(client, pod, STATUS_ROUTE, MAX_DOCUMENT_BYTES).await?;
    Ok(VerdictDocument::parse(&body)?)
}

impl Place {
    /// All places, the agent's own pod first.
    pub const ALL: &'static [Self] = &[
        Self::Sidecar,
        Self::ShortLivedPod,
        Self::Companion,
        Self::ThisMachine,
    ];

    /// Returns the word for it in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sidecar => "sidecar",
            Self::ShortLivedPod => "in-cluster pod",
            Self::Companion => "companion",
            Self::ThisMachine => "this machine",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
