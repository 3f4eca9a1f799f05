//! Tests everything that the CAST AI agent depends on, and names the part that is broken.
//!
//! Data flows one way, and the modules are listed in that order:
//!
//! ```text
//! agent's environment + flags + file ─► config ─► checks ─► scheduler ─► state ─► diagnosis ─► metrics · status · log · pages
//! catalogue ─► rules · runbooks · dashboards · docs · explain · HELP texts
//! ```
//!
//! `tests/it/architecture.rs` enforces which module may name which; ARCHITECTURE.md has the map and
//! the invariants.

// Facts: no network, no clock.
pub mod catalogue;
pub mod own_resources;
pub mod redaction;
pub mod report;

// Configuration, and classification of text into failure modes.
pub mod classify;
pub mod config;

// Access to the network and to each dependency, and the checks built on it.
pub mod agent;
pub mod aws;
pub mod castai;
pub mod checks;
pub mod cloud;
pub mod kube;
pub mod net;
pub mod preflight;

// Scheduling, state, and what the state means.
pub mod diagnosis;
pub mod history;
pub mod scheduler;
pub mod state;

// For a person outside the cluster, through the API server, and for support.
pub mod bundle;
pub mod doctor;

// Views of the state.
pub mod exporter;
pub mod kube_events;
pub mod log;
pub mod metrics;
pub mod pages;
pub mod server;
pub mod status;

// Generators, wiring, and the only module that prints.
pub mod alerting;
pub mod cli;
pub mod daemon;
