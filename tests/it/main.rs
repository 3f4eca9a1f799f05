//! Scenarios, one test binary.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says by failing that something went wrong"
)]

// What the agent says of its own health, and what that does not prove.
mod agent_health;
// What the agent's log says, and when that is over.
mod agent_log;
// How the API server is reached.
mod access;
// The addresses of the API server.
mod apiserver;
// Data runs one way.
mod architecture;
// How STS and EC2 are asked, and what stays secret.
mod asking;
// AWS: what is asked, shown and kept secret.
mod aws;
// What comes from outside is bounded; what is secret stays where it belongs.
mod bounds;
// The catalogue as a table.
mod catalogue;
// The result of `check`.
mod check_output;
// Texts and what they mean.
mod classify;
// The binary: exit codes and streams.
mod cli;
// What CAST AI thinks of the cluster.
mod cluster_status;
// GKE and AKS: what is asked, on which way, and of nobody else.
mod clouds;
// Configuration: files, flags, the agent's environment, proxies, TLS and passwords of the server.
mod config;
// Networks that a control plane lets in.
mod networks;
// Who may reach the control plane.
mod control_plane;
// The running daemon.
mod daemon;
// The dashboards as Grafana would ask and draw them.
mod dashboards;
// The committed files that are derived from the catalogue.
mod generated;
// A line of the agent's log for each mode.
mod log_lines;
// What Prometheus sees.
mod metrics;
// What the cluster tells of this pod, and EKS Pod Identity.
mod own_pod;
// Proxies, byte by byte.
mod proxy;
// Names and who is asked for them.
mod resolver;
// Rules, routes and inhibitions in the programs that read them.
mod rules;
// Break one thing, see its root, heal it.
mod scenarios;
// Time: who is examined when, and what stops whom.
mod scheduler;
// The exporter as others reach it, over real sockets.
mod server;
// The JSON document.
mod status;
mod store;
mod workloads;
