//! The Kubernetes cluster as this process may see it: how to reach its API, and what is read there.
//!
//! What is read is reduced on arrival to the few fields that checks need.

pub mod access;
pub mod endpoints;
pub mod plugin;
pub mod token;

pub use access::Access;
pub use access::Denied;
pub use plugin::Plugin;
