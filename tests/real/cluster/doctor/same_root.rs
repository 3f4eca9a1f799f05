//! The doctor on a person's machine names the same root cause as the exporter in the agent's pod.
//! Without an exporter in the cluster, it finds the cause itself; else it reads it through the real
//! API server's pod proxy.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use test_support::lab_cluster::LabCluster;
use test_support::sequence::Credentials;
use test_support::sequence::observed::settle;

use super::faults::{visible_in_a_pod, visible_to_the_doctor};
use super::forward_to;
use crate::cluster::sequences::admin::Change;
use crate::cluster::sequences::bed::{DEPLOYMENT, SequenceBed, as_created};
use crate::cluster::sequences::faults::RealFault;
use crate::support::doctor::{Comparison, print_and_assert};

/// Much more than it takes until every check is healthy, on a busy machine.
const GIVE_UP: Duration = Duration::from_mins(2);
/// Number of different root causes that are compared at least.
const MIN_ROOTS: usize = 20;

#[tokio::test]
#[ignore = "plays 36 faults: make test-doctor"]
async fn doctor_names_the_same_root_as_the_exporter() {
    let mut bed = SequenceBed::of(lab()).await;
    let laptop = laptop_file(&bed);
    let mut compared = Vec::new();
    wait_until_healthy(&mut bed).await;
    for fault in visible_to_the_doctor() {
        compared.push(compare(&mut bed, &laptop, fault).await);
    }
    let (address, _forwarder) = forward_to(&bed.exporter).await;
    install_sidecar(&mut bed, address).await;
    wait_until_healthy(&mut bed).await;
    for fault in visible_in_a_pod() {
        compared.push(compare(&mut bed, &laptop, fault).await);
    }
    let roots = print_and_assert(&compared);
    assert!(roots >= MIN_ROOTS, "{roots} different roots");
}

/// Returns a lab in which the agent reaches CAST AI through a proxy and AWS with a role.
fn lab() -> LabCluster {
    let mut lab = Credentials::WebIdentity.start_lab();
    lab.use_proxy();
    lab
}

/// Writes the doctor's configuration with short timeouts.
fn laptop_file(bed: &SequenceBed) -> PathBuf {
    let limits = json!({ "connect": "2s", "tls": "2s", "response": "2s" });
    let config = json!({
        "checks": { "apiserver": { "timeouts": limits } },
        "agent": { "latest_version": "v0.123.0" },
    });
    let path = bed.cluster.path().join("laptop.yaml");
    fs::write(&path, config.to_string()).unwrap();
    path
}

/// Adds the exporter at this address to the agent's pod.
async fn install_sidecar(bed: &mut SequenceBed, address: SocketAddr) {
    bed.agent.pod_ip = address.ip();
    let mut spec = bed.deployment["spec"].clone();
    let sidecar = json!({
        "name": "castai-health-exporter", "image": "local.test/exporter:1",
        "args": ["run", "--vantage=sidecar"],
        "ports": [{ "name": "health-metrics", "containerPort": address.port() }],
    });
    let containers = spec["template"]["spec"]["containers"].as_array_mut();
    containers.unwrap().push(sidecar);
    // The simulated kubelet runs one pod at a time.
    spec["strategy"] = json!({ "type": "Recreate", "rollingUpdate": null });
    let patch = json!({ "spec": spec });
    bed.admin.change(DEPLOYMENT, Change::Patch(&patch)).await;
    bed.deployment = as_created(bed.admin.get(0, DEPLOYMENT).await.unwrap());
}

async fn wait_until_healthy(bed: &mut SequenceBed) {
    let healthy = settle(GIVE_UP, async || {
        bed.live().await;
        bed.exporter.unhealthy().await
    });
    assert_eq!(healthy.await.err(), None, "not healthy");
}

/// Breaks something, waits until both name nothing but the root cause, and heals it.
async fn compare(bed: &mut SequenceBed, laptop: &Path, fault: RealFault) -> Comparison {
    bed.inject(fault).await;
    let exporter = bed.exporter.address().to_owned();
    let kubeconfig = bed.cluster.kubeconfig().to_owned();
    let arguments = ["--config.file", laptop.to_str().unwrap()];
    let root = (fault.check, fault.mode);
    let doctor = (kubeconfig.as_path(), &arguments[..]);
    let live = async || bed.live().await;
    let compared = Comparison::of(fault.name, root, &exporter, doctor, live).await;
    bed.heal().await;
    compared
}
