//! The agent's own configuration: its environment, read by the agent's own rules.

pub mod aws;
pub mod castai;
pub mod cloud_metadata;
pub mod discovered;
pub(crate) mod env;
pub mod environment_source;
pub mod installation;
pub mod link_local;
pub mod mounted_token;
pub mod objects;
pub mod provider;
pub mod proxy;
pub mod setting_error;
