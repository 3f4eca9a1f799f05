//! Integration tests that run a real program: one that is neither ours nor the lab's.
//!
//! `make install` installs the programs. A test whose program is missing fails and names the command
//! that installs it. CONTRIBUTING.md says where a new test goes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints what helps to understand the failure"
)]

// The release build of the exporter: `make attack`.
mod attack;

// promtool and amtool.
mod exposition;
mod rules;

// moto: an independent implementation of AWS APIs.
mod moto;

// kube-apiserver, etcd and Helm. `cluster::scale` needs kwok: `make test-scale`.
mod cluster;

// kubelet, containerd and Helm, as root: `make test-node`.
mod node;

// Prometheus and Alertmanager: `make test-pages`, `make soak`, `make test-fleet`.
mod dashboards;
mod fleet;
mod notification_texts;
mod notifications;

// The scripts of the release workflow: Helm and Python.
mod release;

// The program for another architecture, in QEMU: `make test-arm64`.
mod arm64;

// Commands and configurations of the documentation, with all of the programs above.
mod pages;

// Chromium and axe-core, driven by Node.js.
mod status_page;

mod support;
