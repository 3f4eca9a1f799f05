//! The failure of one phase.

use crate::catalogue::FailureMode;
use crate::report::{Finding, PhaseOutcome};

/// The failure of a phase with its outcome, which decides how the duration counts.
#[derive(Debug)]
pub struct PhaseError {
    /// The failure mode with its evidence.
    pub finding: Finding,
    /// Failed or timed out.
    pub outcome: PhaseOutcome,
}

impl PhaseError {
    /// Returns the error of a phase that was rejected or broke.
    pub fn failed(mode: FailureMode, evidence: String) -> Self {
        Self {
            finding: Finding::new(mode, evidence),
            outcome: PhaseOutcome::Failed,
        }
    }
}
