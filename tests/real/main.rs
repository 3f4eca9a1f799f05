//! Tests that run a real part: a program that is neither ours nor the lab's.
//!
//! Each module names its part. `make install` brings the parts; a test whose part is missing fails
//! and names the command that installs it. A test that needs no such program belongs to `tests/it`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says by failing that something went wrong"
)]

// kube-apiserver and etcd; Helm for the chart. `cluster::scale` (kwok): `make test-scale`.
mod cluster;
// Prometheus; called by `notifications`.
mod dashboards;
// promtool.
mod exposition;
// Prometheus; `make test-fleet`.
mod fleet;
// moto, a second implementation of AWS's APIs.
mod moto;
// kubelet, containerd and Helm, as root; `make test-node`.
mod node;
// Prometheus and Alertmanager; `make test-pages` and `make soak`.
mod notifications;
// promtool and amtool.
mod rules;

mod support;
