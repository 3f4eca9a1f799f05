//! The logs of containers, as `pods/log` gives them.
//!
//! Wire format: `PodLogOptions` of the Kubernetes API reference, with the texts of kubelet and API server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use time::Duration;
use tokio::sync::mpsc;

use super::object::status;
use crate::answer::{Answer, rfc3339};
use crate::journal::lock;
use crate::request::Request;

/// What containers have written; tests may write on at any time.
#[derive(Clone, Debug, Default)]
pub struct Logs(Arc<Mutex<BTreeMap<Key, Vec<Line>>>>, Arc<Mutex<Broken>>);

/// Pod, container, and whether it is that of the container before.
type Key = (String, String, bool);

/// Why a log cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gap {
    /// The kubelet does not answer the API server.
    NoKubelet,
    /// It begins, and does not end.
    Late,
}

#[derive(Debug, Default)]
struct Broken {
    gaps: BTreeMap<Key, Gap>,
    /// What holds late answers open.
    open: Vec<mpsc::Sender<Vec<u8>>>,
}

#[derive(Debug)]
struct Line {
    at: String,
    text: String,
}

// === impl Logs ===

impl Logs {
    /// A container writes a line now.
    pub fn write(&self, pod: &str, container: &str, line: &str) {
        self.write_ago(pod, container, 0, line);
    }

    /// A container wrote a line so many seconds ago.
    pub fn write_ago(&self, pod: &str, container: &str, seconds: i64, line: &str) {
        let line = Line {
            at: rfc3339(Duration::seconds(seconds)),
            text: line.to_owned(),
        };
        let mut logs = lock(&self.0);
        let log = logs
            .entry((pod.to_owned(), container.to_owned(), false))
            .or_default();
        log.push(line);
        log.sort_by(|one, other| one.at.cmp(&other.at));
    }

    /// A container is started anew: what it wrote is the log of the one before.
    pub fn restart(&self, pod: &str, container: &str) {
        let mut logs = lock(&self.0);
        let written = logs
            .remove(&(pod.to_owned(), container.to_owned(), false))
            .unwrap_or_default();
        logs.insert((pod.to_owned(), container.to_owned(), true), written);
    }

    /// The kubelet begins a new file: what was written is not to be had any longer.
    pub fn rotate(&self, pod: &str, container: &str) {
        lock(&self.0).remove(&(pod.to_owned(), container.to_owned(), false));
    }

    /// From now on a log, or that of the container before, cannot be read.
    pub fn tear(&self, pod: &str, container: &str, previous: bool, gap: Gap) {
        lock(&self.1)
            .gaps
            .insert((pod.to_owned(), container.to_owned(), previous), gap);
    }

    /// All can be read again.
    pub fn mend(&self) {
        *lock(&self.1) = Broken::default();
    }

    /// Nobody has written anything.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    /// What is asked for, oldest first.
    pub(super) fn answer(&self, request: &Request, pod: &str) -> Answer {
        let query = |name: &str| request.query(name);
        let truth = |name: &str| query(name).as_deref() == Some("true");
        let number = |name: &str| query(name).and_then(|text| text.parse::<usize>().ok());
        let container = query("container").unwrap_or_else(|| "agent".to_owned());
        if let Some(answer) = self.torn(&(pod.to_owned(), container.clone(), truth("previous"))) {
            return answer;
        }
        let logs = lock(&self.0);
        let Some(log) = logs.get(&(pod.to_owned(), container.clone(), truth("previous"))) else {
            if truth("previous") {
                let text = format!(
                    "previous terminated container \"{container}\" in pod \"{pod}\" not found"
                );
                return status(400, Some("BadRequest"), &text, &json!({}));
            }
            return Answer::text(200, "");
        };
        let since = query("sinceTime").or_else(|| {
            number("sinceSeconds")
                .map(|ago| rfc3339(Duration::seconds(i64::try_from(ago).unwrap_or(0))))
        });
        // The API counts whole seconds.
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
        Answer::new(200, "text/plain", text)
    }

    fn torn(&self, key: &Key) -> Option<Answer> {
        let mut broken = lock(&self.1);
        match broken.gaps.get(key)? {
            Gap::NoKubelet => {
                let (pod, container, _) = key;
                let path =
                    format!("https://10.0.1.2:10250/containerLogs/castai-agent/{pod}/{container}");
                let text = format!("Get \"{path}\": dial tcp 10.0.1.2:10250: i/o timeout");
                Some(status(500, None, &text, &Value::Null))
            }
            Gap::Late => {
                let (sender, pieces) = mpsc::channel(1);
                broken.open.push(sender);
                Some(Answer::stream("text/plain", pieces))
            }
        }
    }
}
