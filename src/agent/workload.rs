//! The health of Deployments and `DaemonSets`, judged by the same rules for the agent and its
//! sibling components.
//!
//! The most specific cause of each pod counts, and the causes of several pods are grouped by mode.

mod exit_fault;
mod exits;
mod fault;
mod health;
mod kill_events;
mod pod_health;
mod restarts;
mod snapshot;
mod startup;

pub use exits::ExitTracker;
pub use health::WorkloadHealth;
pub use restarts::RestartCounter;
pub use snapshot::NamespaceSnapshot;
