//! CAST AI's API: requests with the agent's key, and what the answers mean.

pub mod client;
pub mod cluster_id;
