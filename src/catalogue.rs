//! The catalogue of everything that is published: checks, failure modes, alerts, metrics,
//! permissions and timeouts.
//!
//! Invariant: std only. No clock, no network, no metrics library, no YAML.

pub mod alert;
pub mod check;
pub mod exporter_alert;
pub mod metric;
pub mod mode;
pub mod mode_set;
pub mod mute;
pub mod permission;
pub mod phase;
pub mod relations;
pub mod remedy_overrides;
mod sentence;
pub mod timeouts;

pub use alert::Alert;
pub use check::{CheckId, Need, Scope, Status};
pub use exporter_alert::{ExporterAlert, Severity};
pub use mode::category::{Category, Property};
pub use mode::{FailureMode, Family};
pub use permission::Permission;
pub use phase::Phase;
pub use remedy_overrides::remedy;
pub use sentence::first_sentence;
pub use timeouts::Timeouts;

/// Default base of runbook links: the folder in this repository.
pub const RUNBOOK_BASE: &str = "alerts/runbooks";

/// Returns the link to the runbook section of a (check, mode), if the catalogue lists the pair.
pub fn runbook_url(base: &str, check: CheckId, mode: FailureMode) -> Option<String> {
    let alert = alert::root_alert(check, mode)?;
    let (check, mode) = relations::root(check, mode);
    Some(format!("{base}/{}.md#{}", alert.name, anchor(check, mode)))
}

/// Returns the anchor of a pair's section in its runbook.
pub fn anchor(check: CheckId, mode: FailureMode) -> String {
    format!("{check}-{mode}").replace('_', "-")
}
