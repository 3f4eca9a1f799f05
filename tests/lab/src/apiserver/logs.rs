//! Container logs, as served by `pods/log`.
//!
//! Wire format: `PodLogOptions` of the Kubernetes API reference, with the messages of kubelet and
//! API server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use time::Duration;
use tokio::sync::mpsc;

use super::responses::status;
use crate::mutex::lock;
use crate::request::Request;
use crate::response::{Response, rfc3339};

/// Container logs. Tests may append to them at any time.
#[derive(Clone, Debug, Default)]
pub struct ContainerLogs {
    lines: Arc<Mutex<BTreeMap<LogKey, Vec<Line>>>>,
    faults: Arc<Mutex<LogFaults>>,
}

/// Pod, container, and whether it is the log of the previous container.
type LogKey = (String, String, bool);

/// Reason why a log cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFault {
    /// The API server cannot reach the kubelet.
    KubeletUnreachable,
    /// The response starts and then stalls.
    Stalled,
}

#[derive(Debug, Default)]
struct LogFaults {
    faults: BTreeMap<LogKey, LogFault>,
    /// Senders that keep stalled responses open.
    open: Vec<mpsc::Sender<Vec<u8>>>,
}

#[derive(Debug)]
struct Line {
    at: String,
    text: String,
}

// === impl ContainerLogs ===

impl ContainerLogs {
    /// Appends a line with the current time.
    pub fn write(&self, pod: &str, container: &str, line: &str) {
        self.write_ago(pod, container, 0, line);
    }

    /// Inserts a line written `seconds` ago.
    pub fn write_ago(&self, pod: &str, container: &str, seconds: i64, line: &str) {
        let line = Line {
            at: rfc3339(Duration::seconds(seconds)),
            text: line.to_owned(),
        };
        let mut logs = lock(&self.lines);
        let log = logs
            .entry((pod.to_owned(), container.to_owned(), false))
            .or_default();
        log.push(line);
        log.sort_by(|one, other| one.at.cmp(&other.at));
    }

    /// Restarts a container: its log becomes the log of the previous container.
    pub fn restart(&self, pod: &str, container: &str) {
        let mut logs = lock(&self.lines);
        let written = logs
            .remove(&(pod.to_owned(), container.to_owned(), false))
            .unwrap_or_default();
        logs.insert((pod.to_owned(), container.to_owned(), true), written);
    }

    /// Rotates a log: earlier lines are gone.
    pub fn rotate(&self, pod: &str, container: &str) {
        lock(&self.lines).remove(&(pod.to_owned(), container.to_owned(), false));
    }

    /// Makes the log of the current or previous container unreadable.
    pub fn set_fault(&self, pod: &str, container: &str, previous: bool, fault: LogFault) {
        lock(&self.faults)
            .faults
            .insert((pod.to_owned(), container.to_owned(), previous), fault);
    }

    /// Makes all logs readable again.
    pub fn clear_faults(&self) {
        *lock(&self.faults) = LogFaults::default();
    }

    /// Removes all logs.
    pub fn clear(&self) {
        lock(&self.lines).clear();
    }

    /// Returns the requested lines, oldest first.
    pub(crate) fn respond(&self, request: &Request, pod: &str, container: &str) -> Response {
        let query = |name: &str| request.query(name);
        let truth = |name: &str| query(name).as_deref() == Some("true");
        let number = |name: &str| query(name).and_then(|text| text.parse::<usize>().ok());
        let key = (pod.to_owned(), container.to_owned(), truth("previous"));
        if let Some(response) = self.faulty_response(&key) {
            return response;
        }
        let logs = lock(&self.lines);
        let Some(log) = logs.get(&key) else {
            if truth("previous") {
                let text = format!(
                    "previous terminated container \"{container}\" in pod \"{pod}\" not found"
                );
                return status(400, Some("BadRequest"), &text, &json!({}));
            }
            return Response::text(200, "");
        };
        let since = query("sinceTime").or_else(|| {
            number("sinceSeconds")
                .map(|ago| rfc3339(Duration::seconds(i64::try_from(ago).unwrap_or(0))))
        });
        // The API has a resolution of one second.
        let since = since
            .map(|since| since.chars().take(19).collect::<String>())
            .unwrap_or_default();
        let lines: Vec<_> = log
            .iter()
            .filter(|line| line.at[..19] >= *since.as_str())
            .collect();
        let first = number("tailLines").map_or(0, |tail| lines.len().saturating_sub(tail));
        let timed = |line: &&Line| {
            if truth("timestamps") {
                format!("{} {}\n", line.at, line.text)
            } else {
                format!("{}\n", line.text)
            }
        };
        let mut text: Vec<u8> = lines[first..]
            .iter()
            .map(timed)
            .collect::<String>()
            .into_bytes();
        text.truncate(number("limitBytes").unwrap_or(usize::MAX));
        Response::new(200, "text/plain", text)
    }

    fn faulty_response(&self, key: &LogKey) -> Option<Response> {
        let mut broken = lock(&self.faults);
        match broken.faults.get(key)? {
            LogFault::KubeletUnreachable => {
                let (pod, container, _) = key;
                let path =
                    format!("https://10.0.1.2:10250/containerLogs/castai-agent/{pod}/{container}");
                let text = format!("Get \"{path}\": dial tcp 10.0.1.2:10250: i/o timeout");
                Some(status(500, None, &text, &Value::Null))
            }
            LogFault::Stalled => {
                let (sender, chunks) = mpsc::channel(1);
                broken.open.push(sender);
                Some(Response::stream("text/plain", chunks))
            }
        }
    }
}
