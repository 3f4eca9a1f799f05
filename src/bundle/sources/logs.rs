//! Logs of the containers, current and previous, each with its explanation.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use url::form_urlencoded;

use crate::bundle::archive::{CollectedFile, Content};
use crate::bundle::archive_path::ArchivePath;
use crate::bundle::limits::{MAX_LOG_BYTES, MAX_LOGS, MAX_PODS_OF_DAEMON_SET};
use crate::bundle::log_tail::LogTail;
use crate::bundle::manifest::{LeftOut, Reason};
use crate::bundle::outcome::{Outcome, Task};
use crate::bundle::sources::objects::{
    EXPORTER, ObjectLists, daemon_set, is_in_trouble, path_part,
};
use crate::doctor::ExporterPod;
use crate::kube::{ApiReply, Client, ClientError};
use crate::net::StreamResponse;

/// Timeout for each chunk of a log.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(15);

/// A log to read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogSource {
    namespace: String,
    pod: String,
    container: String,
    previous: bool,
}

/// The logs to read, those of pods in trouble first, and what is not read.
#[derive(Debug, Default)]
pub struct LogPlan {
    /// The logs.
    pub logs: Vec<LogSource>,
    /// Logs that are not read.
    pub left_out: Vec<LeftOut>,
}

/// Plans which logs to read: pods in trouble first, then by name.
pub(in crate::bundle) fn plan(
    lists: &ObjectLists,
    exporters: &[ExporterPod],
    namespace: &str,
) -> LogPlan {
    let mut pods: Vec<&Value> = lists.of_kind("pods").iter().collect();
    pods.sort_by_key(|pod| (!is_in_trouble(pod), text(&pod["metadata"]["name"])));
    let mut plan = LogPlan::default();
    let mut of_daemon_set: BTreeMap<&str, usize> = BTreeMap::new();
    for pod in pods {
        if let Some(owner) = daemon_set(pod) {
            let count = of_daemon_set.entry(owner).or_default();
            *count += 1;
            if *count > MAX_PODS_OF_DAEMON_SET {
                continue;
            }
        }
        plan.logs.extend(logs_of(pod, namespace));
    }
    for (owner, count) in of_daemon_set {
        let more = count.saturating_sub(MAX_PODS_OF_DAEMON_SET);
        if more > 0 {
            let what = format!("logs of {more} more pods of DaemonSet {owner}");
            let detail = format!("at most {MAX_PODS_OF_DAEMON_SET} pods of a DaemonSet are read");
            plan.left_out
                .push(LeftOut::new(what, Reason::OverLimit, detail));
        }
    }
    let elsewhere = exporters.iter().filter(|pod| pod.namespace != namespace);
    plan.logs.extend(elsewhere.map(|pod| LogSource {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        container: EXPORTER.to_owned(),
        previous: false,
    }));
    for log in plan.logs.split_off(plan.logs.len().min(MAX_LOGS)) {
        let detail = format!("at most {MAX_LOGS} logs are read");
        plan.left_out
            .push(LeftOut::new(log.what(), Reason::OverLimit, detail));
    }
    plan
}

/// Returns one task per log.
pub(in crate::bundle) fn tasks<'a>(
    client: &'a Client,
    logs: Vec<LogSource>,
    lines: usize,
    explain: &'a dyn Fn(&str) -> Option<String>,
) -> Vec<Task<'a>> {
    let task = |log: LogSource| Task::new(log.what(), read(client, log, lines, explain));
    logs.into_iter().map(task).collect()
}

async fn read(
    client: &Client,
    log: LogSource,
    lines: usize,
    explain: &dyn Fn(&str) -> Option<String>,
) -> Outcome {
    let (text, cut) = match log.read(client, lines).await {
        Ok(read) => read,
        Err(left_out) => {
            return Outcome {
                left_out: vec![left_out],
                ..Outcome::default()
            };
        }
    };
    if text.is_empty() && !cut {
        return Outcome::default();
    }
    let explanation = explain(&text).map(|explanation| {
        let what = format!("explanation of the {}", log.what());
        CollectedFile::at(log.path("explained.txt"), what, Content::Text(explanation))
    });
    let truncated = cut
        .then(|| format!("the last {MAX_LOG_BYTES} bytes"))
        .or_else(|| (text.lines().count() >= lines).then(|| format!("the last {lines} lines")));
    let file = CollectedFile {
        truncated,
        ..CollectedFile::at(log.path("log"), log.what(), Content::Text(text))
    };
    Outcome {
        files: std::iter::once(file).chain(explanation).collect(),
        ..Outcome::default()
    }
}

impl LogSource {
    fn what(&self) -> String {
        let previous = if self.previous { "previous " } else { "" };
        format!(
            "{previous}log of {}/{} ({})",
            self.namespace, self.pod, self.container
        )
    }

    fn path(&self, extension: &str) -> ArchivePath {
        let previous = if self.previous { "previous." } else { "" };
        let file = format!("{}.{previous}{extension}", self.container);
        ArchivePath::new(&["logs", &self.pod, &file])
    }

    async fn read(&self, client: &Client, lines: usize) -> Result<(String, bool), LeftOut> {
        let failed = |error: &ClientError| LeftOut::error(self.what(), error);
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("container", &self.container)
            .append_pair("previous", if self.previous { "true" } else { "false" })
            .append_pair("tailLines", &lines.to_string())
            .append_pair("timestamps", "true")
            .finish();
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}/log?{query}",
            path_part(&self.namespace),
            path_part(&self.pod)
        );
        let mut api = client.connect().await.map_err(|error| failed(&error))?;
        let mut stream = match api.stream(&path).await.map_err(|error| failed(&error))? {
            StreamResponse::Stream(stream) => stream,
            StreamResponse::Rejected(response) => {
                let status = response.status.as_u16();
                // The kubelet has no log of this container: it did not start, or was not restarted.
                let reason = if status == 400 {
                    Reason::NotFound
                } else {
                    Reason::of_status(status)
                };
                let detail = ApiReply::from(response).reason();
                return Err(LeftOut::new(self.what(), reason, detail));
            }
        };
        let mut tail = LogTail::new(MAX_LOG_BYTES);
        while let Some(chunk) = stream
            .next(CHUNK_TIMEOUT)
            .await
            .map_err(|finding| failed(&ClientError::Request(finding)))?
        {
            tail.push(&chunk);
        }
        Ok(tail.finish())
    }
}

/// Returns the logs of a pod's containers. A container that was restarted has a previous log.
fn logs_of(pod: &Value, namespace: &str) -> Vec<LogSource> {
    let name = text(&pod["metadata"]["name"]);
    let mut logs = Vec::new();
    for (containers, statuses) in [
        ("containers", "containerStatuses"),
        ("initContainers", "initContainerStatuses"),
    ] {
        for container in array(&pod["spec"][containers]) {
            let container = text(&container["name"]);
            let restarted = array(&pod["status"][statuses])
                .iter()
                .find(|status| status["name"] == container.as_str())
                .is_some_and(|status| status["restartCount"].as_u64() > Some(0));
            for previous in [false, true].into_iter().take(1 + usize::from(restarted)) {
                logs.push(LogSource {
                    namespace: namespace.to_owned(),
                    pod: name.clone(),
                    container: container.clone(),
                    previous,
                });
            }
        }
    }
    logs
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
