//! Fake servers on loopback for tests, the demo and the benchmarks.
//!
//! Each server is healthy by default and has an enum of faults: [`Server::set`] injects one,
//! [`Server::heal`] removes it. Each server records its connections and requests, timed by its own
//! clock, in a [`RequestLog`]. Dropping a server closes its port and its connections.

pub mod agent;
pub mod apiserver;
pub mod aws;
pub mod azure_imds;
pub mod castai;
pub mod cloud_api;
pub mod dns;
pub mod gce;
pub mod imds;
pub mod kubelet;
pub mod pki;
pub mod proxy;
pub mod registry;
pub mod rogue_server;

#[cfg(test)]
mod client;
mod echo;
mod fault;
mod fault_enum;
mod http_service;
mod jwt;
mod mutex;
mod port;
mod request;
mod request_log;
mod response;
mod response_writer;
mod server;
mod server_certificates;
mod shutdown;
mod stalling_stream;

pub use agent::{Agent, AgentFault};
pub use apiserver::{ApiFault, ApiServer};
pub use aws::{Ec2, Ec2Fault, Eks, EksFault, PodIdentity, PodIdentityFault, Sts, StsFault};
pub use azure_imds::{AzureImds, AzureImdsFault};
pub use castai::{CastAi, CastAiFault};
pub use cloud_api::{CloudApi, CloudApiFault};
pub use dns::{Dns, DnsFault};
pub use fault::Fault;
pub use fault_enum::{ClockSkew, UnknownFaultError};
pub use gce::{Gce, GceFault};
pub use imds::{Imds, ImdsFault};
pub use jwt::{jwt_with_claims, service_account_token};
pub use kubelet::Kubelet;
pub use pki::{CertificateKind, Pki};
pub use proxy::{Proxy, ProxyFault};
pub use registry::{Registry, RegistryFault};
pub use request::Request;
pub use request_log::{Connection, Exchange, RequestLog};
pub use rogue_server::RogueServer;
pub use server::Server;

/// Default token of the agent's service account.
pub const TOKEN: &str = "lab-sa-7Qx2mVt9Kd4RwZ8b";
/// Default CAST AI API key of the agent.
pub const API_KEY: &str = "9f3c61d07ab84e52c8d1f60b7e94a3250d6eb87f14c92a53e07d8b6f41a2c395";
/// Default cluster ID of the agent.
pub const CLUSTER_ID: &str = "11112222-3333-4444-8555-666677778888";
/// Text with escape sequences, line feeds, a forged log line and markup, for the `hostile` faults.
pub const HOSTILE_TEXT: &str = "\u{1b}[2J\u{1b}]0;owned\u{7} \r\nlevel=error msg=\"forged line\"\n\u{202e}<script>alert(1)</script><img src=x onerror=alert(1)> \"' $(id) `id` {{7*7}}";
