//! A paste of many lines, summarised: its root cause, other findings, and what is left.

use crate::catalogue::relation::blocking;
use crate::catalogue::{Category, CheckId, FailureMode, FailureMode as M, Property};
use crate::classify::dispatch::classify_line;
use crate::classify::kube_objects;
use crate::classify::reading::Reading;
use crate::classify::records::{Record, RecordIter};

/// Most records kept as evidence of one mode.
const MAX_EVIDENCE: usize = 3;

/// Collects the lines of a paste.
#[derive(Debug, Default)]
pub struct Paste {
    records: RecordIter,
    summary: PasteSummary,
}

/// The meaning of a paste.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PasteSummary {
    /// The findings, the root cause first, then in order of appearance.
    pub findings: Vec<PasteFinding>,
    /// Number of lines that report nothing wrong.
    pub harmless: usize,
    /// Number of lines that report a fault that no rule knows.
    pub unknown: usize,
}

/// A failure mode and the records that show it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PasteFinding {
    /// The failure mode.
    pub mode: FailureMode,
    /// The number of records that show it.
    pub count: usize,
    /// The first of these records.
    pub evidence: Vec<Record>,
}

impl Paste {
    /// Adds a line.
    pub fn push(&mut self, line: &str) {
        if line.trim().is_empty() {
            self.summary.harmless += 1;
        }
        if let Some(record) = self.records.push(line) {
            self.summary.add(record);
        }
    }

    /// Returns the summary of all lines.
    pub fn finish(mut self) -> PasteSummary {
        if let Some(record) = self.records.finish() {
            self.summary.add(record);
        }
        self.summary.root_first();
        self.summary
    }
}

impl PasteSummary {
    /// Returns the root cause, if any failure was recognised.
    pub fn root(&self) -> Option<&PasteFinding> {
        self.findings.first()
    }

    fn add(&mut self, record: Record) {
        let lines = record.last_line - record.first_line + 1;
        let Some(statements) = kube_objects::statements(&record.text) else {
            let reading = classify_line(&record.text);
            return self.add_reading(reading, lines, record);
        };
        let mut is_unknown = false;
        let mut is_fault = false;
        for statement in statements {
            let reading = classify_line(&statement.text);
            is_unknown |= reading == Reading::Mode(M::Unclassified);
            if let Reading::Mode(mode) = reading
                && mode != M::Unclassified
            {
                is_fault = true;
                let evidence = Record {
                    text: statement.to_string(),
                    ..record
                };
                self.add_finding(mode, evidence);
            }
        }
        match (is_fault, is_unknown) {
            (true, _) => {}
            (false, true) => self.unknown += lines,
            (false, false) => self.harmless += lines,
        }
    }

    fn add_reading(&mut self, reading: Reading, lines: usize, record: Record) {
        match reading {
            Reading::Harmless => self.harmless += lines,
            Reading::Mode(M::Unclassified) => self.unknown += lines,
            Reading::Mode(mode) => self.add_finding(mode, record),
        }
    }

    fn add_finding(&mut self, mode: FailureMode, record: Record) {
        let known = self
            .findings
            .iter()
            .position(|finding| finding.mode == mode);
        let at = known.unwrap_or_else(|| {
            self.findings.push(PasteFinding {
                mode,
                count: 0,
                evidence: Vec::new(),
            });
            self.findings.len() - 1
        });
        let finding = &mut self.findings[at];
        finding.count += 1;
        if finding.evidence.len() < MAX_EVIDENCE {
            finding.evidence.push(record);
        }
    }

    /// Moves causes before the failures that they explain; the first cause in the paste is the
    /// root.
    fn root_first(&mut self) {
        let modes: Vec<FailureMode> = self.findings.iter().map(|finding| finding.mode).collect();
        self.findings.sort_by_key(|finding| {
            let explained = modes.iter().any(|cause| blocks(*cause, finding.mode));
            (is_consequence(finding.mode), explained)
        });
    }
}

/// Returns whether a failure usually follows from another one.
fn is_consequence(mode: FailureMode) -> bool {
    mode.has(Property::Symptom)
        || matches!(
            mode.entry().category,
            Category::Unhealthy | Category::Disconnected | Category::Leaderless
        )
        || matches!(
            mode,
            M::AgentCompleted
                | M::AgentCrashloop
                | M::AgentLivenessKilled
                | M::AgentProgressDeadline
                | M::AgentUnavailable
                | M::AwsNoCredentials
                | M::ImageUnknown
        )
}

/// Returns whether one failure blocks every check that tests for the other.
fn blocks(cause: FailureMode, other: FailureMode) -> bool {
    /// Checks that report what the agent and its workload meet, whichever dependency it is.
    const OBSERVERS: &[CheckId] = &[
        CheckId::AgentHealth,
        CheckId::AgentLog,
        CheckId::AgentWorkload,
        CheckId::ClusterController,
        CheckId::Components,
    ];
    let is_blocked =
        |check: CheckId| blocking(check).any(|relation| relation.modes.contains(&cause));
    let mut checks = other
        .entry()
        .checks
        .iter()
        .filter(|check| !OBSERVERS.contains(check))
        .peekable();
    cause != other && checks.peek().is_some() && checks.all(|check| is_blocked(*check))
}
