//! Examines everything that the CAST AI agent depends on, and says which part is broken.
//!
//! Data runs one way, and the modules stand here in that order:
//!
//! ```text
//! agent's environment + flags + file ─► config ─► checks ─► scheduler ─► board ─► metrics · status · log · page
//! catalogue ─► runbooks · README tables · explain · HELP texts
//! ```
//!
//! What each module may name is held by `tests/it/architecture.rs`; ARCHITECTURE.md has the map and the invariants.

// Facts: no network, no clock.
pub mod catalogue;
pub mod report;

// What was written → what is true; texts → failure modes.
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

// Time, and what is known.
pub mod scheduler;
pub mod state;

// How people and programs see it.
pub mod exporter;
pub mod log;
pub mod metrics;
pub mod server;
pub mod status;

// Files from the catalogue, the wiring, and the only place that prints.
pub mod alerting;
pub mod cli;
pub mod daemon;
