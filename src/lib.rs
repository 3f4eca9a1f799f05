//! castai-health-exporter.

pub mod catalogue;
