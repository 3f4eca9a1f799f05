//! castai-health-exporter.

pub mod board;
pub mod catalogue;
pub mod checks;
pub mod classify;
pub mod cluster;
pub mod config;
pub mod probe;
pub mod scheduler;
pub mod verdict;
