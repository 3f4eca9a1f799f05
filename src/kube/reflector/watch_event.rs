//! The events of a watch, one JSON object per line.

use serde::Deserialize;

use crate::kube::types::object::{ListEnvelope, Object, ObjectMeta};

/// An event of a watch on objects of type `R`.
#[derive(Deserialize)]
#[serde(
    tag = "type",
    content = "object",
    rename_all = "UPPERCASE",
    bound(deserialize = "R: Deserialize<'de>")
)]
pub(super) enum WatchEvent<R> {
    Added(R),
    Modified(R),
    Deleted(R),
    Bookmark(ListEnvelope),
    Error(ErrorStatus),
}

/// The status in an error event.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorStatus {
    pub(super) code: u16,
    pub(super) message: String,
}

/// Returns the metadata of the object in an event, whatever else it contains.
pub(super) fn metadata(line: &[u8]) -> Option<ObjectMeta> {
    match serde_json::from_slice(line).ok()? {
        WatchEvent::<Object>::Added(object)
        | WatchEvent::Modified(object)
        | WatchEvent::Deleted(object) => Some(object.metadata),
        WatchEvent::Bookmark(_) | WatchEvent::Error(_) => None,
    }
}
