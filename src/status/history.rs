//! The changes of the last 24 hours as one JSON document: `/api/v1/history`.
//!
//! The schema is stable, like that of the status: within one `schema_version`, keys are only added.
//!
//! | key | value |
//! |---|---|
//! | `schema_version` | 1 |
//! | `at` | when the document was written |
//! | `begins` | when recording began: at the start of this process; a reload keeps the history |
//! | `retention_seconds` | time that the history covers |
//! | `checks[].id` | the check's label; only checks that ran since `begins` are listed, in catalogue order |
//! | `.begins` | when the history of this check begins: later than `begins` if the check was added by a reload, or if it changed so often that its oldest changes are dropped |
//! | `.changes[]` | oldest first; each holds until the next. The first may be older than the retention: it still held then |
//! | `.changes[].at` | when the status began to hold |
//! | `.changes[].status` | as in the status document; `skipped` while the check does not run |
//! | `.changes[].modes` | the failure modes that the attempt found |

use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;

use crate::catalogue::{CheckId, FailureMode, Status};
use crate::history::{self, CheckHistory, HistorySnapshot};
use crate::status::{SKIPPED, timestamp};

/// Version of the schema; incremented by every change that is not an addition.
const SCHEMA_VERSION: u32 = 1;

/// The JSON document of the history.
#[derive(Debug, Serialize)]
pub struct HistoryDocument {
    schema_version: u32,
    at: Option<Timestamp>,
    begins: Option<Timestamp>,
    retention_seconds: u64,
    checks: Vec<CheckChanges>,
}

#[derive(Debug, Serialize)]
struct CheckChanges {
    id: &'static str,
    begins: Option<Timestamp>,
    changes: Vec<Change>,
}

#[derive(Debug, Serialize)]
struct Change {
    at: Option<Timestamp>,
    status: &'static str,
    modes: Vec<&'static str>,
}

impl HistoryDocument {
    /// Builds the document from a snapshot.
    pub fn new(history: &HistorySnapshot, now: SystemTime) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            at: timestamp(now),
            begins: timestamp(history.began),
            retention_seconds: history::RETENTION.as_secs(),
            checks: history.checks.iter().map(CheckChanges::new).collect(),
        }
    }

    /// Serialises the document, with a trailing newline.
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string(self).expect("strings and numbers can be written");
        text.push('\n');
        text
    }
}

impl CheckChanges {
    fn new(history: &CheckHistory) -> Self {
        Self {
            id: CheckId::label(history.check),
            begins: history.begins().and_then(timestamp),
            changes: history.changes().map(Change::new).collect(),
        }
    }
}

impl Change {
    fn new(change: &history::Change) -> Self {
        Self {
            at: timestamp(change.at),
            status: change.status.map_or(SKIPPED, Status::label),
            modes: change
                .modes
                .iter()
                .copied()
                .map(FailureMode::label)
                .collect(),
        }
    }
}
