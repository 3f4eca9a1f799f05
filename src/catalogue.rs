//! The catalogue of everything that is published: checks, failure modes, alerts, metrics,
//! permissions and timeouts.
//!
//! Invariant: std only. No clock, no network, no metrics library, no YAML.

pub mod agent_permission;
pub mod alert;
pub mod check;
pub mod check_group;
pub mod exporter_alert;
pub mod metric;
pub mod mode;
pub mod mode_set;
pub mod permission;
pub mod phase;
pub mod relation;
pub mod remedy;
pub mod remedy_overrides;
mod sentence;
pub mod severity;
pub mod situation;
pub mod timeouts;

pub use agent_permission::AgentPermission;
pub use alert::Alert;
pub use check::{CheckId, Need, Scope, Status};
pub use check_group::CheckGroup;
pub use exporter_alert::ExporterAlert;
pub use mode::category::{Category, Property};
pub use mode::{FailureMode, Family};
pub use permission::Permission;
pub use phase::Phase;
pub use relation::{Effect, Relation};
pub use remedy::{Placeholder, Remedy, RemedyValues, Step};
pub use remedy_overrides::remedy;
pub use sentence::first_sentence;
pub use severity::Severity;
pub use situation::{Situation, remedy_in, remedy_templates};
pub use timeouts::Timeouts;

/// Default base of runbook links: the published repository that `Cargo.toml` names; empty if it
/// names none.
pub const RUNBOOK_BASE: &str = env!("RUNBOOK_BASE");

/// Returns the link to the runbook section of a (check, mode); none without a base, or if the
/// catalogue does not list the pair.
pub fn runbook_url(base: &str, check: CheckId, mode: FailureMode) -> Option<String> {
    if base.is_empty() {
        return None;
    }
    let alert = alert::covering(check, mode)?;
    Some(format!(
        "{base}/{}.md#{}",
        alert.name,
        anchor(alert.check, mode)
    ))
}

/// Returns the anchor of a pair's section in its runbook.
pub fn anchor(check: CheckId, mode: FailureMode) -> String {
    format!("{check}-{mode}").replace('_', "-")
}
