//! The logs that a poll did not read.

use std::fmt;

use crate::agent::logs::error::LogError;
use crate::report::Finding;

/// Logs that are named in one sentence.
const MAX_NAMED_LOGS: usize = 3;

/// The logs that a poll did not read. Displayed as the end of a sentence; empty if all were read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SkippedLogs {
    /// The container and cause of each.
    pub(super) unread: Vec<String>,
    /// Number of containers beyond the limit.
    pub(super) beyond_limit: usize,
}

impl SkippedLogs {
    /// Returns the value for a poll that read no log.
    pub fn all(error: &LogError) -> Self {
        Self {
            unread: vec![format!("all logs ({error})")],
            beyond_limit: 0,
        }
    }

    /// Appends the skipped logs to the first finding.
    pub fn append_to(&self, findings: &mut [Finding]) {
        if let Some(first) = findings.first_mut().filter(|_| *self != Self::default()) {
            *first = Finding::new(first.mode, format!("{}{self}", first.evidence));
        }
    }
}

impl fmt::Display for SkippedLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = self.unread.len().saturating_sub(MAX_NAMED_LOGS) + self.beyond_limit;
        let more = (more > 0).then(|| format!("{more} more"));
        let named: Vec<String> = self
            .unread
            .iter()
            .take(MAX_NAMED_LOGS)
            .cloned()
            .chain(more)
            .collect();
        if named.is_empty() {
            Ok(())
        } else {
            write!(f, "; not read: {}", named.join(", "))
        }
    }
}
