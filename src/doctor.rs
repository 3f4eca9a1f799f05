//! The doctor: what a person outside the cluster learns through the API server.
//!
//! It finds the agent and the exporters, reads the exporters' verdicts through the API server's
//! pod proxy, starts a short-lived pod where only a pod can see, and merges what all vantages say
//! into one list of root causes. For a companion it reads the sidecars from their pods. The checks that need nothing but the API run as they do in a
//! companion; `cli` schedules them.

pub mod agent_search;
pub mod discovery;
pub mod exporter_pod;
pub mod findings;
mod foreign_remedy;
pub mod one_off_pod;
pub mod pod_proxy;
pub mod sidecar;
pub mod sidecar_reader;
pub mod verdict_document;
pub mod view;
pub mod visibility;

pub use agent_search::AgentSearch;
pub use exporter_pod::ExporterPod;
pub use findings::{Findings, SharedRoot};
pub use one_off_pod::{OneOffPod, OneOffPodError};
pub use sidecar::{SidecarRootCause, SidecarVerdict, SidecarView};
pub use sidecar_reader::{SidecarReader, Sidecars};
pub use verdict_document::VerdictDocument;
pub use view::{Place, View};
