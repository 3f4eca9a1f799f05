//! The Kubernetes cluster as this process may see it: how to reach its API, and what is read there.
//!
//! What is read is reduced on arrival to the few fields that checks need.

pub mod access;
pub mod account;
pub mod agent;
pub mod collection;
mod cut;
pub mod door;
pub mod endpoints;
pub mod kubeconfig;
pub mod object;
pub mod own;
pub mod plugin;
pub mod store;
pub mod token;

pub use access::{Access, Denied};
pub use account::AgentAccount;
pub use collection::Collection;
pub use door::{Door, Visit};
pub use plugin::Plugin;
pub use store::{Feed, Store};
