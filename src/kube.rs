//! The Kubernetes cluster as this process may see it: how to reach its API, and what is read there.
//!
//! What is read is reduced on arrival to the few fields that checks need.

pub mod client;
pub mod credentials;
pub mod endpoints;
pub mod exec_plugin;
pub mod json_stream;
pub mod kubeconfig;
pub mod object_reader;
pub mod reflector;
pub mod self_pod;
pub mod service_account_token;
pub mod store;
pub mod token_request;
pub mod types;

pub use client::{Door, Visit};
pub use credentials::{Access, Denied};
pub use exec_plugin::Plugin;
pub use reflector::Collection;
pub use store::{Feed, Store};
pub use token_request::AgentAccount;
