//! The root causes that hold now, with the text that an Event shows.

use std::time::SystemTime;

use crate::catalogue::{CheckId, FailureMode, Severity};
use crate::diagnosis::{Diagnosis, Failure};
use crate::report::{Evidence, Finding};
use crate::state::CheckState;

/// The root causes that hold now.
#[derive(Clone, Debug, Default)]
pub struct RootCauses {
    /// Those that concern the agent.
    pub roots: Vec<RootCause>,
    /// All checks that show a failure, whatever its cause.
    pub failing: Vec<CheckId>,
}

/// A root cause.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RootCause {
    /// The check that shows it.
    pub check: CheckId,
    /// Its mode.
    pub mode: FailureMode,
    /// The evidence of the latest attempt that showed it; empty if the check shows another mode
    /// now.
    pub evidence: Evidence,
    /// The fix.
    pub remedy: String,
    /// Since when it holds.
    pub since: SystemTime,
}

impl RootCauses {
    /// Selects the root causes of a diagnosis. A failure that the agent does not notice is none.
    pub fn new(check_states: &[CheckState], diagnosis: &Diagnosis) -> Self {
        let roots = diagnosis
            .roots()
            .into_iter()
            .filter(|root| root.severity != Severity::Info)
            .map(|root| RootCause::new(root, check_states));
        Self {
            roots: roots.collect(),
            failing: diagnosis
                .failures
                .iter()
                .map(|failure| failure.check)
                .collect(),
        }
    }
}

impl RootCause {
    fn new(root: &Failure, check_states: &[CheckState]) -> Self {
        let state = check_states.iter().find(|state| state.check == root.check);
        let latest = state.and_then(|state| state.latest.as_ref());
        let finding = latest.and_then(|report| {
            let mut findings = report.verdict.findings().iter();
            findings.find(|finding| finding.mode == root.mode).cloned()
        });
        let finding = finding.unwrap_or_else(|| Finding::new(root.mode, ""));
        Self {
            check: root.check,
            mode: root.mode,
            remedy: finding.remedy(root.check).to_line(),
            evidence: finding.evidence,
            since: root.since,
        }
    }
}
