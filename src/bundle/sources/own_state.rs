//! The report of this process or of the exporter in the same pod.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use http::HeaderMap;

use crate::bundle::archive::{CollectedFile, Content};
use crate::bundle::limits::MAX_FILE_BYTES;
use crate::bundle::manifest::{LeftOut, Reason};
use crate::bundle::outcome::Outcome;
use crate::catalogue::Timeouts;
use crate::config::WebSettings;
use crate::doctor::{Place, VerdictDocument, View};
use crate::net::{Resolver, StreamResponse, Target};
use crate::report::PhaseTimer;

/// Timeout for each chunk of a response over loopback.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(5);

/// The verdict of this process or of an exporter in the same pod.
#[derive(Clone, Debug)]
pub struct OwnReport {
    /// Where its checks ran.
    pub place: Place,
    /// The name of its folder.
    pub name: String,
    /// The document of `/api/v1/status`.
    pub status: String,
    /// The document of `/api/v1/history`, if it has one.
    pub history: Option<String>,
    /// The metrics, if it serves them.
    pub metrics: Option<String>,
}

impl OwnReport {
    /// Returns the report of checks that this process ran itself.
    pub fn of_checks(place: Place, status: String) -> Self {
        Self {
            place,
            name: place.label().replace(' ', "-"),
            status,
            history: None,
            metrics: None,
        }
    }
}

/// Reads the report of the exporter in the same pod; `None` without one, or if it requires TLS or a
/// password.
pub async fn of_loopback(
    web: &WebSettings,
    resolver: &Resolver,
    place: Place,
) -> Option<OwnReport> {
    let listen = web.listen.first().filter(|_| web.config_file.is_none())?;
    let addresses = if listen.ip().is_unspecified() {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        vec![listen.ip()]
    };
    for address in addresses {
        let get = async |route: &str| {
            let path = format!("{}{route}", web.route_prefix);
            get(resolver, address, listen.port(), &path).await
        };
        let status = get("/api/v1/status").await;
        if let Some(status) = status.filter(|text| VerdictDocument::parse(text.as_bytes()).is_ok())
        {
            return Some(OwnReport {
                place,
                name: format!("{place}-of-this-pod"),
                status,
                history: get("/api/v1/history").await,
                metrics: get("/metrics").await,
            });
        }
    }
    None
}

async fn get(resolver: &Resolver, address: IpAddr, port: u16, path: &str) -> Option<String> {
    let target = Target {
        host: address.to_string(),
        port,
        trust: None,
        server_name: None,
        proxy: None,
        timeouts: Timeouts::APISERVER,
    };
    let mut connection = target.open(resolver, &PhaseTimer::default()).await.ok()?;
    let mut stream = match connection
        .stream(resolver, path, HeaderMap::new())
        .await
        .ok()?
    {
        StreamResponse::Stream(stream) => stream,
        StreamResponse::Rejected(_) => return None,
    };
    let mut body = Vec::new();
    while let Some(chunk) = stream.next(CHUNK_TIMEOUT).await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_FILE_BYTES {
            return None;
        }
    }
    String::from_utf8(body).ok()
}

/// Returns the files of a vantage in its folder, and its verdict.
pub(in crate::bundle) fn outcome(report: &OwnReport) -> Outcome {
    let mut outcome = Outcome::default();
    let name = report.name.as_str();
    let documents = [
        ("status.json", "verdict", Some(&report.status)),
        (
            "history.json",
            "changes of the checks",
            report.history.as_ref(),
        ),
        ("metrics.txt", "metrics", report.metrics.as_ref()),
    ];
    for (file, what, text) in documents {
        outcome.files.extend(text.map(|text| {
            let what = format!("{what} of {name}");
            CollectedFile::new(&["vantages", name, file], what, Content::parse(text))
        }));
    }
    match VerdictDocument::parse(report.status.as_bytes()) {
        Ok(document) => outcome.views.push(View {
            place: report.place,
            pod: name.to_owned(),
            verdict: Ok(document),
        }),
        Err(error) => outcome.left_out.push(LeftOut::new(
            format!("verdict of {name}"),
            Reason::Failed,
            error.to_string(),
        )),
    }
    outcome
}
