//! What the scenarios are told with.

pub(crate) mod cluster;
pub(crate) mod exporter;
pub(crate) mod helm;
pub(crate) mod monitoring;
pub(crate) mod moto;
pub(crate) mod verdicts;
pub(crate) mod world;
