//! Code shared by `tests/it` and `tests/real`: the lab cluster, the scenarios, and states for tests
//! of the output formats.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "test code fails by panicking; field names need no comments"
)]

pub mod agent_log_lines;
pub mod committed;
pub mod dashboards;
pub mod exporter;
pub mod failures;
pub mod fixture;
pub mod lab_cluster;
pub mod planted_secrets;
pub mod pods;
pub mod scenarios;
pub mod sequence;
pub mod unpacked;

mod assertions;
mod faults;
mod injected_fault;
