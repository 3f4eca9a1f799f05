//! Everything that is published, named once: checks, failure modes, alerts, metrics, limits.
//!
//! Invariant: std only. No clock, no network, no metrics library, no YAML.

pub mod alerts;
pub mod checks;
pub mod limits;
pub mod metrics;
pub mod modes;

pub use alerts::Alert;
pub use checks::Check;
pub use checks::Need;
pub use checks::Phase;
pub use checks::Scope;
pub use checks::Status;
pub use limits::Limits;
pub use modes::FailureMode;

/// Where the runbooks lie when no other place is configured: the folder in this repository.
pub const RUNBOOK_BASE: &str = "alerts/runbooks";

/// The address of the runbook section of a (check, mode), when the catalogue lists the pair.
pub fn runbook_url(base: &str, check: Check, mode: FailureMode) -> Option<String> {
    let alert = alerts::explaining(check, mode)?;
    let (check, mode) = alerts::root(check, mode);
    Some(format!("{base}/{}.md#{}", alert.name, anchor(check, mode)))
}

/// The anchor of a pair's section in its runbook.
pub fn anchor(check: Check, mode: FailureMode) -> String {
    format!("{check}-{mode}").replace('_', "-")
}
