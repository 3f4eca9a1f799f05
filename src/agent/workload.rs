//! The health of Deployments and `DaemonSets`, judged by the same rules for the agent and its
//! sibling components.
//!
//! The most specific cause of each pod counts, and the causes of several pods are grouped by mode.

mod fault;
mod health;
mod liveness_kills;
mod pod_health;
mod restarts;
mod snapshot;

pub use health::WorkloadHealth;
pub use liveness_kills::LivenessKillTracker;
pub use restarts::RestartCounter;
pub use snapshot::NamespaceSnapshot;
