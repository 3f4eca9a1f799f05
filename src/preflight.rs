//! Checks before the agent is installed: what it will need is tested from here, with the
//! configuration and the objects that it will have.
//!
//! Most checks are those of an installed agent. Three of them read its objects, which do not exist
//! yet, and are replaced: `agent_workload` lets the API server try them without storing anything,
//! `agent_permissions` reviews what the installing account may create, and `image_pull` queries the
//! registries of their images.

mod chart_objects;
pub mod check_set;
mod dry_run;
pub mod image_registry;
pub mod installer_permissions;
pub mod manifest;
pub mod planned_agent;
pub mod pod_admission;
pub mod quantity;
pub mod quota;
mod refusal;

pub use check_set::{PreflightCheck, check_set, skipped_checks};
pub use manifest::{Manifest, ManifestError};
pub use planned_agent::PlannedAgent;
