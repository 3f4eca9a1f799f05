//! A stand-in for checks that cannot run from this vantage.

use crate::checks::{Attempt, Check};
use crate::report::{Report, Verdict};

/// Returns the same verdict, `unknown` or `not_applicable`, until the configuration changes.
#[derive(Debug)]
pub struct FixedVerdict {
    verdict: Verdict,
}

impl FixedVerdict {
    /// Creates a check that always returns `verdict`.
    pub fn new(verdict: Verdict) -> Self {
        Self { verdict }
    }
}

impl Check for FixedVerdict {
    async fn run(&self, _attempt: &Attempt) -> Report {
        Report::from_verdict(self.verdict.clone())
    }
}
