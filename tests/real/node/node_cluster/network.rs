//! The network of a node cluster: connections into it, and its faults.

use std::fs;

use test_support::lab_cluster::CASTAI;
use tokio::process::Command;

use super::{NODE, NodeCluster};

/// The exporter's port.
const EXPORTER_PORT: u16 = 9878;

impl NodeCluster {
    /// Returns the PID of the node's first process, which holds its namespaces.
    pub(super) fn init(&self) -> String {
        fs::read_to_string(self.cluster.path().join("pids/init.pid"))
            .unwrap()
            .trim()
            .to_owned()
    }

    /// Runs curl in the node's network and returns its output.
    pub(in crate::node) async fn curl(&self, arguments: &[&str]) -> String {
        let ran = Command::new("nsenter")
            .args(["--target", &self.init(), "--net", "curl"])
            .args(arguments)
            .output()
            .await
            .unwrap();
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// Returns a local address that forwards to one in the node's network.
    pub(super) async fn open(&self, host: &str, port: u16) -> String {
        self.control(&format!("open {host}:{port}")).await
    }

    /// Returns a local address that forwards to the exporter in this pod.
    pub(in crate::node) async fn exporter_in(&self, pod: &str) -> String {
        let pod = self.get(&["pod", pod]).await;
        let address = pod["status"]["podIP"].as_str().unwrap();
        self.open(address, EXPORTER_PORT).await
    }

    /// Adds the name of CAST AI to the DNS of the cluster, or removes it.
    pub(in crate::node) fn resolve_castai(&self, exists: bool) {
        let hosts = if exists {
            format!("{NODE} {CASTAI}\n")
        } else {
            String::new()
        };
        fs::write(self.cluster.path().join("hosts"), hosts).unwrap();
    }
}
