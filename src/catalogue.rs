//! Everything that is published, named once: checks, failure modes, alerts, metrics, limits.
//!
//! Invariant: std only. No clock, no network, no metrics library, no YAML.

pub mod modes;

pub use modes::FailureMode;
