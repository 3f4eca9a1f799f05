//! Scenarios, one test binary.

// What comes from outside is bounded; what is secret stays where it belongs.
mod bounds;
// The catalogue as a table.
mod catalogue;
// Texts and what they mean.
mod classify;
// Configuration: files, flags, the agent's environment, proxies, TLS and passwords of the server.
mod config;
// Break one thing, see its root, heal it.
mod scenarios;
// What the scenarios are told with.
mod support;
// A board for the tests of the views.
mod fixture;
// What Prometheus sees.
mod metrics;
// The JSON document.
mod status;
// The committed files that are derived from the catalogue.
mod generated;
// The result of `check`.
mod check_output;
// The binary: exit codes and streams.
mod cli;
