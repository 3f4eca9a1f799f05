//! A lab with the exporter in it, the scenarios that break it, and boards for the tests of the views.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "it belongs to the tests, which say by failing that something went wrong"
)]

pub mod committed;
pub mod dashboards;
pub mod exporter;
pub mod failures;
pub mod fixture;
pub mod pods;
pub mod scenarios;
pub mod world;

mod faults;
