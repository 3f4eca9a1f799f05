//! The companion's pod on the node, as the attacks see it.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;

use serde_json::Value;
use test_support::exporter::fetch;

use crate::attack::figures::AttackedExporter;
use crate::node::node_cluster::NodeCluster;
use crate::support::cluster::ClusterError;

const SELECTOR: &str = "app.kubernetes.io/name=castai-health-exporter";
const DEPLOYMENT: &str = "deployment/castai-health-exporter";
const PORT: u16 = 9878;
/// Metrics to print after an attack.
const SUMMARY_METRICS: [&str; 4] = [
    "castai_health_watched_objects_left_out",
    "castai_health_failure{",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
];

/// A pod of the companion that is ready.
pub(super) struct Companion<'a> {
    cluster: &'a NodeCluster,
    name: String,
    ip: String,
    pid: u32,
    /// Local address that is forwarded into the node, where the kubelet's probes come from.
    address: String,
}

impl<'a> Companion<'a> {
    /// Waits until the companion is ready and every check has a verdict.
    pub(super) async fn find(cluster: &'a NodeCluster) -> Self {
        let ready = ["rollout", "status", DEPLOYMENT, "--timeout=120s"];
        cluster.kubectl(&ready).await;
        let [name] = &cluster.pods(SELECTOR).await[..] else {
            panic!("not one companion: {}", cluster.state().await)
        };
        let pod = cluster.get(&["pod", name]).await;
        let ip = pod["status"]["podIP"].as_str().unwrap().to_owned();
        let address = cluster.control(&format!("open {ip}:{PORT}")).await;
        cluster
            .wait_for_verdicts(name, "companion", "pod", &[("apiserver", "ok")])
            .await;
        Self {
            cluster,
            pid: process_of(&pod),
            name: name.clone(),
            ip,
            address,
        }
    }

    /// Deletes the pod, and returns the one that replaces it.
    pub(super) async fn replaced(self) -> Self {
        self.cluster.kubectl(&["delete", "pod", &self.name]).await;
        Self::find(self.cluster).await
    }

    /// Returns the address that pods use.
    pub(super) fn address_in_cluster(&self) -> String {
        format!("{}:{PORT}", self.ip)
    }

    /// Fails if the container was restarted or killed, or is not ready.
    ///
    /// # Errors
    /// If the API server does not respond, as on a busy machine.
    pub(super) async fn assert_ready(&self) -> Result<(), ClusterError> {
        let pod = ["get", "pod", &self.name, "-ojson"];
        let pod: Value = serde_json::from_str(&self.cluster.try_kubectl(&pod).await?).unwrap();
        let status = &pod["status"]["containerStatuses"][0];
        assert_eq!(status["restartCount"], 0, "{status}");
        assert_eq!(status["ready"], true, "{status}");
        let terminated = status["lastState"].get("terminated");
        assert!(terminated.is_none(), "{status}");
        Ok(())
    }

    /// Returns the number of probes of the kubelet that failed.
    pub(super) async fn probe_failures(&self) -> u64 {
        let fields = format!("reason=Unhealthy,involvedObject.name={}", self.name);
        let events = self
            .cluster
            .get(&["events", "--field-selector", &fields])
            .await;
        let events = events["items"].as_array().unwrap().iter();
        events.map(|event| event["count"].as_u64().unwrap()).sum()
    }

    /// Returns the checks without a verdict.
    pub(super) async fn unknown_checks(&self) -> BTreeSet<String> {
        let metrics = self.fetch("/metrics").await.unwrap();
        let statuses = metrics.lines().filter_map(|line| {
            line.strip_prefix("castai_health_check_status{check=\"")?
                .strip_suffix("\",status=\"unknown\"} 1")
        });
        statuses.map(str::to_owned).collect()
    }

    /// Returns what failed, what was left out, and what the process used.
    pub(super) async fn summary(&self) -> String {
        let metrics = self.fetch("/metrics").await.unwrap();
        let interesting = |line: &&str| {
            SUMMARY_METRICS
                .iter()
                .any(|metric| line.starts_with(metric))
        };
        let lines: Vec<_> = metrics.lines().filter(interesting).collect();
        lines.join("\n")
    }
}

impl AttackedExporter for Companion<'_> {
    async fn fetch(&self, path: &str) -> Result<String, Box<dyn Error>> {
        fetch(&self.address, path).await
    }

    async fn read_log(&self) -> String {
        self.cluster.kubectl(&["logs", &self.name]).await
    }

    fn pid(&self) -> u32 {
        self.pid
    }
}

/// Returns the process ID of the exporter in a pod, on this machine.
fn process_of(pod: &Value) -> u32 {
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.unwrap();
        let pid = entry.file_name().to_str()?.parse::<u32>().ok()?;
        let cgroups = fs::read_to_string(entry.path().join("cgroup")).ok()?;
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        // The kernel cuts the name; the pod's other process is pause.
        (cgroups.contains(uid) && name.starts_with("castai-health")).then_some(pid)
    });
    let processes: Vec<_> = processes.collect();
    let [pid] = processes[..] else {
        panic!("{processes:?} are the processes of pod {uid}")
    };
    pid
}
