//! The pretend world: servers on loopback that misbehave in one named way each.
//!
//! Every server has a healthy state and a vocabulary of faults; [`Server::set`] makes it misbehave in that one way
//! until [`Server::heal`]. Every server writes down what it saw, by its own clock, in a [`Journal`].
//! Dropping a server closes its port and its connections.

pub mod agent;
pub mod apiserver;
pub mod aws;
pub mod azure_imds;
pub mod castai;
pub mod cloud_api;
pub mod dns;
pub mod gce;
pub mod imds;
pub mod impostor;
pub mod pki;
pub mod proxy;

mod answer;
mod base64;
mod certificates;
#[cfg(test)]
mod client;
mod fault;
mod journal;
mod port;
mod reply;
mod request;
mod server;
mod token;
mod valve;
mod vocabulary;
mod web;

pub use agent::{Agent, AgentFault};
pub use apiserver::{ApiFault, ApiServer};
pub use aws::{Ec2, Ec2Fault, Eks, EksFault, PodIdentity, PodIdentityFault, Sts, StsFault};
pub use azure_imds::{AzureImds, AzureImdsFault};
pub use castai::{CastAi, CastAiFault};
pub use cloud_api::{CloudApi, CloudApiFault};
pub use dns::{Dns, DnsFault};
pub use fault::Fault;
pub use gce::{Gce, GceFault};
pub use imds::{Imds, ImdsFault};
pub use impostor::Impostor;
pub use journal::{Connection, Exchange, Journal};
pub use pki::{Certificate, Pki};
pub use proxy::{Proxy, ProxyFault};
pub use request::Request;
pub use server::Server;
pub use token::{service_account_token, token_with};
pub use vocabulary::{Skew, UnknownFault};

/// The token of the agent's service account, by default.
pub const TOKEN: &str = "lab-service-account-token";
/// The agent's key, by default.
pub const API_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The agent's cluster, by default.
pub const CLUSTER_ID: &str = "11112222-3333-4444-8555-666677778888";
/// What hostile bodies say.
pub const HOSTILE_TEXT: &str = "\u{1b}[2J\u{1b}]0;owned\u{7} \r\nlevel=error msg=\"forged line\"\n\u{202e}<script>alert(1)</script><img src=x onerror=alert(1)> \"' $(id) `id` {{7*7}}";
