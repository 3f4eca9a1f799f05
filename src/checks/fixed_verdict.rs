//! A check whose verdict is settled by where this process stands, so that nothing is examined.

use crate::checks::{Attempt, Check};
use crate::report::{Report, Verdict};

/// A verdict that holds until the configuration changes: `unknown` or `not_applicable`.
#[derive(Debug)]
pub struct Settled {
    verdict: Verdict,
}

impl Settled {
    /// What is settled.
    pub fn new(verdict: Verdict) -> Self {
        Self { verdict }
    }
}

impl Check for Settled {
    async fn run(&self, _attempt: &Attempt) -> Report {
        Report::bare(self.verdict.clone())
    }
}
