//! The CAST AI agent as the API server and its own files show it: pods, environment, logs, leases.

pub mod aws_identity;
pub mod discovery;
mod environment;
pub mod leader_lease;
pub mod logs;
pub mod pod_uptime;
mod projected_tokens;
pub mod rejected_tokens;
pub mod workload;
