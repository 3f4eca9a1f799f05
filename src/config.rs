//! The validated configuration: flags over file over the agent's environment over defaults.
//!
//! Invariant: it contains only what is known before the first packet. It opens no connection and
//! knows no check's code.

pub mod agent;
pub mod apiserver;
pub mod config_error;
pub(crate) mod did_you_mean;
pub mod exporter;
mod load;
pub(crate) mod regular_file;
pub mod secret;
pub mod settings;
pub mod sourced_value;
pub mod values;
pub mod vantage;

pub use agent::aws::Aws;
pub use agent::castai::{ApiKey, Castai};
pub use agent::cloud_metadata::CloudMetadata;
pub use agent::discovered::{AgentDiscovery, AgentLocation, DiscoveredAgent};
pub use agent::environment_source::AgentEnvironment;
pub use agent::installation::Installation;
pub use agent::objects::{Agent, ObjectName};
pub use agent::provider::{Provider, ProviderVariables};
pub use agent::proxy::ProxyRules;
pub use apiserver::{ApiserverLocation, InCluster};
pub use config_error::{ConfigError, ConfigErrors};
pub use exporter::check::CheckSettings;
pub use exporter::dns::DnsSettings;
pub use exporter::flags::Flags;
pub use exporter::log::{LogFormat, LogSettings};
pub use exporter::named_file::{NamedFile, Purpose};
pub use exporter::server::{OpenRoutes, WebSettings};
pub use exporter::web::WebConfig;
pub use secret::Secret;
pub use settings::Config;
pub use sourced_value::SourcedValue;
pub use vantage::Vantage;
