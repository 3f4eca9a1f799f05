//! Paginated lists, and watches with bookmarks.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time;

use super::object_store::{Change, ObjectStore, ResourceKind, StoredObject};
use super::responses::status;
use crate::request::Request;
use crate::response::Response;

/// Interval between bookmarks.
const BOOKMARK_INTERVAL: Duration = Duration::from_mins(1);
/// Default duration of a watch.
const DEFAULT_WATCH_TIMEOUT: Duration = Duration::from_mins(30);

/// Namespace, field and label selectors of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    namespace: String,
    name: Option<String>,
    phase: Option<String>,
    labels: Vec<(String, String)>,
    /// Labels that must be absent.
    absent: Vec<String>,
}

// === impl Selector ===

impl Selector {
    /// Parses the path and the selectors. Supported are the fields `metadata.name` and
    /// `status.phase`, equality of labels and their absence (`!label`).
    pub(super) fn parse(request: &Request, namespace: &str) -> Result<Self, Response> {
        let mut selector = Self {
            namespace: namespace.to_owned(),
            ..Self::default()
        };
        for requirement in request
            .query("fieldSelector")
            .unwrap_or_default()
            .split(',')
            .filter(|text| !text.is_empty())
        {
            match requirement.split_once('=') {
                Some(("metadata.name", name)) => selector.name = Some(name.to_owned()),
                Some(("status.phase", phase)) => selector.phase = Some(phase.to_owned()),
                _ => {
                    let text = format!("field label not supported: {requirement}");
                    return Err(status(400, Some("BadRequest"), &text, &Value::Null));
                }
            }
        }
        for requirement in request
            .query("labelSelector")
            .unwrap_or_default()
            .split(',')
            .filter(|text| !text.is_empty())
        {
            if let Some(label) = requirement.strip_prefix('!') {
                selector.absent.push(label.to_owned());
                continue;
            }
            let Some((label, value)) = requirement.split_once('=') else {
                let text = format!("unable to parse requirement: {requirement}");
                return Err(status(400, Some("BadRequest"), &text, &Value::Null));
            };
            selector.labels.push((label.to_owned(), value.to_owned()));
        }
        Ok(selector)
    }

    fn matches(&self, stored: &StoredObject) -> bool {
        (self.namespace.is_empty() || self.namespace == stored.namespace)
            && self
                .labels
                .iter()
                .all(|(label, value)| stored.labels[label] == **value)
            && self
                .absent
                .iter()
                .all(|label| stored.labels[label].is_null())
            && self.name.as_ref().is_none_or(|name| *name == stored.name)
            && self
                .phase
                .as_ref()
                .is_none_or(|phase| *phase == stored.phase)
    }
}

/// Returns a list or one page of it. Like the watch cache, version 0 ignores `limit`.
pub(super) fn list(
    objects: &ObjectStore,
    kind: &ResourceKind,
    selector: &Selector,
    request: &Request,
) -> Response {
    let from_cache = request.query("resourceVersion").as_deref() == Some("0");
    let limit = request
        .query("limit")
        .and_then(|limit| limit.parse::<usize>().ok())
        .filter(|limit| *limit > 0);
    let limit = limit.filter(|_| !from_cache);
    let parse_continue_token = request
        .query("continue")
        .filter(|token| !token.is_empty())
        .map(|token| parse_continue_token(&token));
    let (mut items, version) = match parse_continue_token {
        None => objects.list(kind.name, "", |stored| selector.matches(stored)),
        Some(Some((version, start))) if version >= objects.compacted() => (
            objects
                .list(kind.name, &start, |stored| selector.matches(stored))
                .0,
            version,
        ),
        Some(_) => {
            let text = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.";
            return status(410, Some("Expired"), text, &Value::Null);
        }
    };
    let mut meta = json!({ "resourceVersion": version.to_string() });
    if let Some(limit) = limit.filter(|limit| *limit < items.len()) {
        meta["remainingItemCount"] = json!(items.len() - limit);
        items.truncate(limit);
        let start = items.last().map(|last| last.key()).unwrap_or_default();
        meta["continue"] = json!(continue_token(version, &start));
    }
    let head = format!(
        r#"{{"kind":"{}List","apiVersion":"{}","metadata":{meta},"items":["#,
        kind.name, kind.version
    );
    let mut body = head.into_bytes();
    for (index, stored) in items.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend(stored.text.as_bytes());
    }
    body.extend(b"]}\n");
    Response::new(200, "application/json", body)
}

/// Starts a watch, which lasts until its timeout or until a test closes it.
pub(super) fn watch(
    objects: &ObjectStore,
    kind: &'static ResourceKind,
    selector: Selector,
    request: &Request,
) -> Response {
    let seconds = request
        .query("timeoutSeconds")
        .and_then(|text| text.parse().ok());
    let timeout = seconds.map_or(DEFAULT_WATCH_TIMEOUT, Duration::from_secs);
    let bookmarks = request.query("allowWatchBookmarks").as_deref() == Some("true");
    let from = request
        .query("resourceVersion")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let (sender, receiver) = mpsc::channel(64);
    let stream = WatchStream {
        objects: objects.clone(),
        kind,
        selector,
        sender,
        bookmarks,
    };
    tokio::spawn(async move {
        // The client may disconnect at any time.
        let _ = time::timeout(timeout, stream.run(from)).await;
    });
    Response::stream("application/json", receiver)
}

struct WatchStream {
    objects: ObjectStore,
    kind: &'static ResourceKind,
    selector: Selector,
    sender: mpsc::Sender<Vec<u8>>,
    bookmarks: bool,
}

impl WatchStream {
    /// Runs until the client disconnects or a test closes the watch.
    async fn run(self, mut version: u64) {
        let (mut newest, mut close_signal) = (self.objects.newest(), self.objects.close_signal());
        let mut bookmark =
            time::interval_at(time::Instant::now() + BOOKMARK_INTERVAL, BOOKMARK_INTERVAL);
        loop {
            let Some((changes, now)) = self.objects.since(version, self.kind.name) else {
                let text = format!(
                    "too old resource version: {version} ({})",
                    self.objects.compacted()
                );
                let expired = json!({ "type": "ERROR", "object": {
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": text, "reason": "Expired", "code": 410,
                } });
                // The client may be gone.
                let _ = self.sender.send(format!("{expired}\n").into_bytes()).await;
                return;
            };
            let lines: String = changes
                .iter()
                .filter_map(|change| self.event(change))
                .collect();
            if !lines.is_empty() && self.sender.send(lines.into_bytes()).await.is_err() {
                return;
            }
            version = now;
            tokio::select! {
                result = newest.changed() => if result.is_err() { return },
                _ = close_signal.changed() => return,
                () = self.sender.closed() => return,
                _ = bookmark.tick(), if self.bookmarks => {
                    let ResourceKind { name: kind, version: api, .. } = self.kind;
                    let object = json!({ "kind": kind, "apiVersion": api, "metadata": {
                        "resourceVersion": version.to_string(), "creationTimestamp": null,
                    } });
                    let line = format!("{}\n", json!({ "type": "BOOKMARK", "object": object }));
                    if self.sender.send(line.into_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Translates a change for this selector: an object that stops matching is deleted.
    fn event(&self, change: &Change) -> Option<String> {
        let matches = |stored: &Option<Arc<StoredObject>>| {
            stored
                .as_ref()
                .is_some_and(|stored| self.selector.matches(stored))
        };
        let (kind, stored) = match (matches(&change.before), matches(&change.after)) {
            (false, false) => return None,
            (false, true) => ("ADDED", change.after.as_ref()?),
            (true, true) => ("MODIFIED", change.after.as_ref()?),
            (true, false) => ("DELETED", change.before.as_ref()?),
        };
        let text = if kind == "DELETED" {
            deleted_at(stored, change.version)
        } else {
            stored.text.clone()
        };
        Some(format!("{{\"type\":\"{kind}\",\"object\":{text}}}\n"))
    }
}

/// Returns the last state of an object with the resource version of its deletion.
fn deleted_at(stored: &StoredObject, version: u64) -> String {
    let mut object: Value = serde_json::from_str(&stored.text).unwrap_or_default();
    object["metadata"]["resourceVersion"] = json!(version.to_string());
    object.to_string()
}

/// Encodes a continue token.
fn continue_token(version: u64, start: &str) -> String {
    start.bytes().fold(format!("{version:x}-"), |token, byte| {
        format!("{token}{byte:02x}")
    })
}

fn parse_continue_token(token: &str) -> Option<(u64, String)> {
    let (version, start) = token.split_once('-')?;
    let bytes =
        (0..start.len() / 2).map(|at| u8::from_str_radix(start.get(2 * at..2 * at + 2)?, 16).ok());
    Some((
        u64::from_str_radix(version, 16).ok()?,
        String::from_utf8(bytes.collect::<Option<_>>()?).ok()?,
    ))
}
