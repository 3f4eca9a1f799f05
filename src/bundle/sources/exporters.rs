//! Reports of the exporters in the cluster, read through the API server's pod proxy.

use crate::bundle::limits::MAX_FILE_BYTES;
use crate::bundle::manifest::{LeftOut, Reason};
use crate::bundle::outcome::{Outcome, Task};
use crate::bundle::sources::own_state;
use crate::bundle::sources::own_state::OwnReport;
use crate::config::Vantage;
use crate::doctor::pod_proxy::PodProxyError;
use crate::doctor::{ExporterPod, Place, pod_proxy};
use crate::kube::Client;

/// Returns one task per exporter.
pub(in crate::bundle) fn tasks<'a>(client: &'a Client, pods: &'a [ExporterPod]) -> Vec<Task<'a>> {
    let task = |pod: &'a ExporterPod| Task::new(what(pod), read(client, pod));
    pods.iter().map(task).collect()
}

fn what(pod: &ExporterPod) -> String {
    format!(
        "report of the {} {}/{}",
        pod.vantage.label(),
        pod.namespace,
        pod.name
    )
}

async fn read(client: &Client, pod: &ExporterPod) -> Outcome {
    let get = async |route: &str| {
        let body = pod_proxy::get(client, pod, route, MAX_FILE_BYTES).await?;
        Ok::<_, PodProxyError>(String::from_utf8_lossy(&body).into_owned())
    };
    let status = match get("/api/v1/status").await {
        Ok(status) => status,
        Err(error) => {
            return Outcome {
                left_out: vec![left_out(what(pod), &error)],
                ..Outcome::default()
            };
        }
    };
    let mut left_out = Vec::new();
    let mut optional = async |route: &str, what: &str| match get(route).await {
        Ok(text) => Some(text),
        Err(error) => {
            let what = format!("{what} of {}/{}", pod.namespace, pod.name);
            left_out.push(self::left_out(what, &error));
            None
        }
    };
    let report = OwnReport {
        place: match pod.vantage {
            Vantage::Sidecar => Place::Sidecar,
            Vantage::Companion => Place::Companion,
        },
        name: format!("{}-{}", pod.vantage.label(), pod.name),
        status,
        history: optional("/api/v1/history", "history").await,
        metrics: optional("/metrics", "metrics").await,
    };
    let mut outcome = own_state::outcome(&report);
    outcome.left_out.extend(left_out);
    outcome
}

fn left_out(what: String, error: &PodProxyError) -> LeftOut {
    let reason = match error {
        PodProxyError::Forbidden { .. } | PodProxyError::PasswordRequired { .. } => {
            Reason::Forbidden
        }
        PodProxyError::Gone => Reason::NotFound,
        PodProxyError::TooLarge(_) => Reason::OverLimit,
        PodProxyError::Rejected { status, .. } => Reason::of_status(status.as_u16()),
        _ => Reason::Failed,
    };
    LeftOut::new(what, reason, error.to_string())
}
