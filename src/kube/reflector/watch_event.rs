//! The events of a watch, one JSON object per line.

use serde::Deserialize;

use crate::kube::types::object::ListEnvelope;

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
