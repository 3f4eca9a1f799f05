//! Events: what scheduler, kubelet and controllers say of an object (`v1`).

use jiff::Timestamp;
use serde::Deserialize;

use crate::kube::types::{Kept, Meta, raw, text};

/// An event.
#[derive(Clone, Debug)]
pub struct Event {
    /// The uid of the object it is about.
    pub of: String,
    /// Its kind and name: `Pod castai-agent-…`.
    pub about: String,
    /// For machines: `FailedCreate`, `Unhealthy`, …
    pub reason: String,
    /// For people.
    pub message: String,
    /// Whether it is a warning.
    pub warning: bool,
    /// How often it was said.
    pub count: u32,
    /// When it was said last.
    pub last: Option<Timestamp>,
}

/// What is read of an event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawEvent {
    metadata: Meta,
    #[serde(default)]
    involved_object: RawReference,
    #[serde(default)]
    reason: String,
    #[serde(default, deserialize_with = "text")]
    message: String,
    #[serde(default, rename = "type")]
    kind: String,
    count: Option<u32>,
    first_timestamp: Option<Timestamp>,
    last_timestamp: Option<Timestamp>,
    event_time: Option<Timestamp>,
    series: Option<RawSeries>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawReference {
    kind: String,
    name: String,
    uid: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSeries {
    count: Option<u32>,
    last_observed_time: Option<Timestamp>,
}

raw!(RawEvent);

impl Kept for Event {
    type Raw = RawEvent;
    const MOST: usize = 1000;

    fn keep(raw: RawEvent, _before: Option<&Self>) -> Option<Self> {
        let (series, series_count) = raw.series.map_or((None, None), |series| {
            (series.last_observed_time, series.count)
        });
        let made = raw.metadata.creation_timestamp;
        Some(Self {
            of: raw.involved_object.uid,
            about: format!("{} {}", raw.involved_object.kind, raw.involved_object.name),
            reason: raw.reason,
            message: raw.message,
            warning: raw.kind == "Warning",
            count: series_count.or(raw.count).unwrap_or(1),
            last: series
                .or(raw.last_timestamp)
                .or(raw.event_time)
                .or(raw.first_timestamp)
                .or(made),
        })
    }

    /// The newest are kept.
    fn worth(&self) -> (u8, i64) {
        (0, self.last.map_or(0, Timestamp::as_second))
    }
}
