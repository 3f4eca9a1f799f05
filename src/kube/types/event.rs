//! Events: what scheduler, kubelet and controllers report about an object (`v1`).

use jiff::Timestamp;
use serde::Deserialize;

use crate::kube::types::cached_object::{CachedObject, RawObject, text_bytes};
use crate::kube::types::lenient;
use crate::kube::types::object::{ObjectMeta, bounded_text};

/// An event.
#[derive(Clone, Debug)]
pub struct Event {
    /// The unique ID of the object that the event is about.
    pub involved_uid: String,
    /// The reason, such as `FailedCreate`.
    pub reason: String,
    /// The message for people.
    pub message: String,
    /// Whether the type is `Warning`.
    pub warning: bool,
    /// Time of the last occurrence.
    pub last: Option<Timestamp>,
}

/// An event as the API server sends it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawEvent {
    metadata: ObjectMeta,
    #[serde(default)]
    involved_object: ObjectReference,
    #[serde(default)]
    reason: String,
    #[serde(default, deserialize_with = "bounded_text")]
    message: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "lenient::time")]
    first_timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient::time")]
    last_timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient::time")]
    event_time: Option<Timestamp>,
    series: Option<EventSeries>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ObjectReference {
    uid: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventSeries {
    #[serde(default, deserialize_with = "lenient::time")]
    last_observed_time: Option<Timestamp>,
}

impl RawObject for RawEvent {
    fn uid(&self) -> &str {
        &self.metadata.uid
    }

    fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }
}

impl CachedObject for Event {
    type Raw = RawEvent;
    const MAX_CACHED: usize = 1000;
    const MAX_CACHED_BYTES: usize = 1 << 20;
    const OPTIONAL: bool = true;

    fn from_raw(raw: RawEvent, _previous: Option<&Self>) -> Option<Self> {
        let series = raw.series.and_then(|series| series.last_observed_time);
        Some(Self {
            involved_uid: raw.involved_object.uid,
            reason: raw.reason,
            message: raw.message,
            warning: raw.kind == "Warning",
            last: series
                .or(raw.last_timestamp)
                .or(raw.event_time)
                .or(raw.first_timestamp)
                .or(raw.metadata.creation_timestamp),
        })
    }

    fn allocated_bytes(&self) -> usize {
        text_bytes([self.involved_uid.as_str(), &self.reason, &self.message])
    }

    /// Retains the newest.
    fn retention_rank(&self) -> (u8, i64) {
        (0, self.last.map_or(0, Timestamp::as_second))
    }
}
