//! CAST AI's API: the client that uses the agent's key, and the cluster's ID.

pub mod client;
pub mod cluster_id;
pub mod error;

pub use error::CastaiError;
