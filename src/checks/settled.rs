//! A check whose verdict is settled by where this process stands, so that nothing is examined.

use crate::checks::{Attempt, Examine};
use crate::verdict::{Report, Verdict};

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

impl Examine for Settled {
    async fn examine(&self, _attempt: &Attempt) -> Report {
        Report::bare(self.verdict.clone())
    }
}
