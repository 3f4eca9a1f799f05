//! castai-health-exporter.

pub mod catalogue;
pub mod config;
pub mod verdict;
