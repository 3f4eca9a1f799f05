//! Settings of the generated files.

use crate::alerting::time_scale::TimeScale;
use crate::catalogue::RUNBOOK_BASE;

/// Settings that differ between the committed files, a test and another publisher.
#[derive(Clone, Copy, Debug)]
pub struct GeneratorOptions<'a> {
    /// Scale of every duration in the rules.
    pub time_scale: TimeScale,
    /// URL below which the runbooks are published; empty for no links.
    pub runbook_base: &'a str,
}

impl GeneratorOptions<'static> {
    /// Settings of the committed files.
    pub const DEFAULT: Self = Self {
        time_scale: TimeScale::REAL_TIME,
        runbook_base: RUNBOOK_BASE,
    };
}
