//! Settings of one check.

use std::time::Duration;

use crate::catalogue::{CheckId, Timeouts};

/// Settings of one check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckSettings {
    /// The check.
    pub check: CheckId,
    /// Whether it runs.
    pub enabled: bool,
    /// Time between two attempts.
    pub interval: Duration,
    /// The agent's timeouts, from which ours are derived.
    pub timeouts: Timeouts,
}
