//! castai-health-exporter.

pub mod board;
pub mod catalogue;
pub mod checks;
pub mod classify;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod daemon;
pub mod exporter;
pub mod generate;
pub mod log;
pub mod metrics;
pub mod probe;
pub mod scheduler;
pub mod server;
pub mod status;
pub mod verdict;
