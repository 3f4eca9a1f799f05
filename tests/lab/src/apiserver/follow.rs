//! Lists in pages, and watches with bookmarks.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time;

use super::object::status;
use super::storage::{Change, Kind, Objects, Stored};
use crate::answer::Answer;
use crate::request::Request;

/// A bookmark is sent so often.
const BOOKMARKS: Duration = Duration::from_mins(1);
/// A watch of which the client says nothing lasts so long.
const WATCH: Duration = Duration::from_mins(30);

/// What of a collection was asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    namespace: String,
    name: Option<String>,
    phase: Option<String>,
    labels: Vec<(String, String)>,
}

// === impl Selection ===

impl Selection {
    /// By path and selectors; the fields that are known here are those that pods and all objects have, and labels are
    /// equal or not.
    pub(super) fn of(request: &Request, namespace: &str) -> Result<Self, Answer> {
        let mut selection = Self {
            namespace: namespace.to_owned(),
            ..Self::default()
        };
        for wanted in request
            .query("fieldSelector")
            .unwrap_or_default()
            .split(',')
            .filter(|text| !text.is_empty())
        {
            match wanted.split_once('=') {
                Some(("metadata.name", name)) => selection.name = Some(name.to_owned()),
                Some(("status.phase", phase)) => selection.phase = Some(phase.to_owned()),
                _ => {
                    let text = format!("field label not supported: {wanted}");
                    return Err(status(400, Some("BadRequest"), &text, &Value::Null));
                }
            }
        }
        for wanted in request
            .query("labelSelector")
            .unwrap_or_default()
            .split(',')
            .filter(|text| !text.is_empty())
        {
            let Some((label, value)) = wanted.split_once('=') else {
                let text = format!("unable to parse requirement: {wanted}");
                return Err(status(400, Some("BadRequest"), &text, &Value::Null));
            };
            selection.labels.push((label.to_owned(), value.to_owned()));
        }
        Ok(selection)
    }

    fn fits(&self, stored: &Stored) -> bool {
        (self.namespace.is_empty() || self.namespace == stored.namespace)
            && self
                .labels
                .iter()
                .all(|(label, value)| stored.labels[label] == **value)
            && self.name.as_ref().is_none_or(|name| *name == stored.name)
            && self
                .phase
                .as_ref()
                .is_none_or(|phase| *phase == stored.phase)
    }
}

/// A list, or one page of it. The watch cache answers for version 0, and knows no pages.
pub(super) fn list(
    objects: &Objects,
    kind: &Kind,
    selection: &Selection,
    request: &Request,
) -> Answer {
    let from_cache = request.query("resourceVersion").as_deref() == Some("0");
    let limit = request
        .query("limit")
        .and_then(|limit| limit.parse::<usize>().ok())
        .filter(|limit| *limit > 0);
    let limit = limit.filter(|_| !from_cache);
    let resumed = request
        .query("continue")
        .filter(|token| !token.is_empty())
        .map(|token| resumed(&token));
    let (mut found, version) = match resumed {
        None => objects.list(kind.name, "", |stored| selection.fits(stored)),
        Some(Some((version, start))) if version >= objects.compacted() => (
            objects
                .list(kind.name, &start, |stored| selection.fits(stored))
                .0,
            version,
        ),
        Some(_) => {
            let text = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.";
            return status(410, Some("Expired"), text, &Value::Null);
        }
    };
    let mut meta = json!({ "resourceVersion": version.to_string() });
    if let Some(limit) = limit.filter(|limit| *limit < found.len()) {
        meta["remainingItemCount"] = json!(found.len() - limit);
        found.truncate(limit);
        let start = found.last().map(|last| last.key()).unwrap_or_default();
        meta["continue"] = json!(token(version, &start));
    }
    let head = format!(
        r#"{{"kind":"{}List","apiVersion":"{}","metadata":{meta},"items":["#,
        kind.name, kind.version
    );
    let mut body = head.into_bytes();
    for (at, stored) in found.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend(stored.text.as_bytes());
    }
    body.extend(b"]}\n");
    Answer::new(200, "application/json", body)
}

/// A watch, which goes on for as long as the client wants or a test lets it.
pub(super) fn watch(
    objects: &Objects,
    kind: &'static Kind,
    selection: Selection,
    request: &Request,
) -> Answer {
    let seconds = request
        .query("timeoutSeconds")
        .and_then(|text| text.parse().ok());
    let lasts = seconds.map_or(WATCH, Duration::from_secs);
    let bookmarks = request.query("allowWatchBookmarks").as_deref() == Some("true");
    let from = request
        .query("resourceVersion")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let (sender, receiver) = mpsc::channel(64);
    let follower = Follower {
        objects: objects.clone(),
        kind,
        selection,
        sender,
        bookmarks,
    };
    tokio::spawn(async move {
        // The client may leave at any time.
        let _ = time::timeout(lasts, follower.run(from)).await;
    });
    Answer::stream("application/json", receiver)
}

struct Follower {
    objects: Objects,
    kind: &'static Kind,
    selection: Selection,
    sender: mpsc::Sender<Vec<u8>>,
    bookmarks: bool,
}

impl Follower {
    /// Until the client leaves, or a test cuts it.
    async fn run(self, mut version: u64) {
        let (mut newest, mut cuts) = (self.objects.newest(), self.objects.cuts());
        let mut bookmark = time::interval_at(time::Instant::now() + BOOKMARKS, BOOKMARKS);
        loop {
            let Some((changes, now)) = self.objects.since(version, self.kind.name) else {
                let text = format!(
                    "too old resource version: {version} ({})",
                    self.objects.compacted()
                );
                let gone = json!({ "type": "ERROR", "object": {
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": text, "reason": "Expired", "code": 410,
                } });
                // Nobody minds if the client has left.
                let _ = self.sender.send(format!("{gone}\n").into_bytes()).await;
                return;
            };
            let lines: String = changes
                .iter()
                .filter_map(|change| self.line(change))
                .collect();
            if !lines.is_empty() && self.sender.send(lines.into_bytes()).await.is_err() {
                return;
            }
            version = now;
            tokio::select! {
                grown = newest.changed() => if grown.is_err() { return },
                _ = cuts.changed() => return,
                () = self.sender.closed() => return,
                _ = bookmark.tick(), if self.bookmarks => {
                    let Kind { name: kind, version: api, .. } = self.kind;
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

    /// What a change means for those who see only a part: an object that leaves it is deleted for them.
    fn line(&self, change: &Change) -> Option<String> {
        let fits = |stored: &Option<Arc<Stored>>| {
            stored
                .as_ref()
                .is_some_and(|stored| self.selection.fits(stored))
        };
        let (kind, stored) = match (fits(&change.before), fits(&change.after)) {
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

/// The last state of an object, with the version of its end.
fn deleted_at(stored: &Stored, version: u64) -> String {
    let mut object: Value = serde_json::from_str(&stored.text).unwrap_or_default();
    object["metadata"]["resourceVersion"] = json!(version.to_string());
    object.to_string()
}

/// From where a list goes on; opaque to clients.
fn token(version: u64, start: &str) -> String {
    start.bytes().fold(format!("{version:x}-"), |token, byte| {
        format!("{token}{byte:02x}")
    })
}

fn resumed(token: &str) -> Option<(u64, String)> {
    let (version, start) = token.split_once('-')?;
    let bytes =
        (0..start.len() / 2).map(|at| u8::from_str_radix(start.get(2 * at..2 * at + 2)?, 16).ok());
    Some((
        u64::from_str_radix(version, 16).ok()?,
        String::from_utf8(bytes.collect::<Option<_>>()?).ok()?,
    ))
}
