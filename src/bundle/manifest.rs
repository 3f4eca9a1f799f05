//! The manifest: what is in the archive, what is not, and why.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::kube::ClientError;
use crate::redaction::shareable;

/// Version of the schema; incremented by every change that is not an addition.
pub const SCHEMA_VERSION: u32 = 1;

/// The content of the archive, and what is missing.
#[derive(Debug, Serialize)]
pub struct Manifest {
    /// Version of the schema.
    pub schema_version: u32,
    /// When the collection started.
    pub at: Timestamp,
    /// Version and revision of the program that collected it.
    pub collected_by: String,
    /// The agent's namespace.
    pub namespace: String,
    /// The files, in the order of the index.
    pub files: Vec<ManifestFile>,
    /// Parts that were left out.
    pub left_out: Vec<LeftOut>,
}

/// A file of the archive.
#[derive(Clone, Debug, Serialize)]
pub struct ManifestFile {
    /// Its path in the archive.
    pub path: String,
    /// Its content in a few words.
    pub what: String,
    /// Its size in bytes.
    pub bytes: usize,
    /// Number of values that were replaced in it.
    pub redactions: usize,
    /// The part that is missing.
    pub truncated: Option<String>,
}

/// Something that the archive does not contain.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    /// Its name.
    pub what: String,
    /// Why it is left out.
    pub reason: Reason,
    /// The error, or what to do.
    pub detail: String,
}

/// Why something is left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The account of the caller may not read it.
    Forbidden,
    /// It does not exist.
    NotFound,
    /// The time was up.
    TimedOut,
    /// A limit of size or number was reached.
    OverLimit,
    /// It could not be read for another reason.
    Failed,
    /// It is never collected.
    ByDesign,
}

impl LeftOut {
    /// Returns what is left out because of an error.
    pub fn error(what: impl Into<String>, error: &ClientError) -> Self {
        let reason = match error {
            ClientError::Forbidden { .. } => Reason::Forbidden,
            ClientError::Rejected { status, .. } => Reason::of_status(status.as_u16()),
            _ => Reason::Failed,
        };
        Self::new(what, reason, error.to_string())
    }

    /// Returns what is left out for a reason. Errors may quote other programs: secrets are removed
    /// here, before the index escapes the text.
    pub fn new(what: impl Into<String>, reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            what: shareable(&what.into()).text,
            reason,
            detail: shareable(&detail.into()).text,
        }
    }

    /// Returns the rest of a list that is too long.
    pub fn rest_of(list: &str) -> Self {
        Self::new(
            list,
            Reason::OverLimit,
            "the rest of a list that is too long",
        )
    }

    /// Returns what could not be collected in time.
    pub fn timed_out(what: impl Into<String>, limit: Duration) -> Self {
        let detail = format!("the collection stopped after {} s", limit.as_secs());
        Self::new(what, Reason::TimedOut, detail)
    }
}

impl Reason {
    /// Returns the reason that the status code of the API server indicates.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Forbidden,
            404 => Self::NotFound,
            408 | 504 => Self::TimedOut,
            _ => Self::Failed,
        }
    }

    /// Returns the words for it in the index.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::NotFound => "not found",
            Self::TimedOut => "timed out",
            Self::OverLimit => "over a limit",
            Self::Failed => "failed",
            Self::ByDesign => "never collected",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
