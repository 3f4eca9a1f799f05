//! Integration tests that need nothing but Rust: our code, our binary and the servers of the lab.
//!
//! A test that runs any other program belongs to `tests/real`. CONTRIBUTING.md says where a new test
//! goes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints what helps to understand the failure"
)]

// Architecture, catalogue and generated files.
mod architecture;
mod catalogue;
mod dashboards;
mod generated;
mod golden;
mod golden_entries;
mod pictures;
mod remote_write;
mod rules;

// Pure functions: configuration, classification, parsers.
mod authorized_networks;
mod classify;
mod config;

// Checks in a simulated cluster. libtest starts tests in the order of their names, so the slowest
// should not be the last.
mod agent_health;
mod agent_log;
mod agent_permissions;
mod apiserver;
mod aws_credentials;
mod aws_requests;
mod cluster_status;
mod control_plane;
mod doctor;
mod fault_sequences;
mod gke_and_aks;
mod kubeconfig_access;
mod pod_identity;
mod preflight;
mod proxy;
mod remedy_values;
mod resolver;
mod scenarios;
mod secrets;
mod situations;
mod untrusted_input;
mod watched_objects;
mod watches;
mod workloads;

// State, scheduler and output formats.
mod bundle;
mod canned_exporter;
mod check_output;
mod diagnosis;
mod documented_output;
mod history;
mod kube_events;
mod metrics;
mod pages;
mod scheduler;
mod status;

// Our binary and its server.
mod cli;
mod daemon;
mod explain_page;
mod own_resources;
mod server;
