//! castai-health-exporter.

pub mod board;
pub mod catalogue;
pub mod checks;
pub mod config;
pub mod scheduler;
pub mod verdict;
