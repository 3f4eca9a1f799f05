//! Tests of daemon sets while nodes come and go, and of pods that need separate nodes.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use lab::apiserver::workload::AGENT;
use lab::apiserver::{ObjectStore, workload};
use serde_json::{Value, json};
use test_support::lab_cluster::{LabCluster, evidence, remedy};
use test_support::pods::{not_ready, wait_for};

use super::WORKLOADS;
use super::faults::TOKEN_REJECTED_LINES;
use super::objects::without_a_node;
use crate::golden_entries::assert_evidence;

const NAME: &str = "castai-spot-handler";

const IMAGE: &str = "spot-handler:1";

/// A way to break a pod.
type PodFault = fn(&mut Value);

/// Creates the spot handler with these numbers of desired and available pods.
fn installed(objects: &ObjectStore, desired: u32, available: u32) {
    objects.put(json!({
        "kind": "DaemonSet", "apiVersion": "apps/v1",
        "metadata": {
            "name": NAME, "namespace": AGENT, "uid": workload::uid(NAME),
            "labels": { "helm.sh/chart": "castai-spot-handler-0.30.0" },
            "annotations": { "meta.helm.sh/release-name": NAME, "meta.helm.sh/release-namespace": AGENT },
        },
        "spec": { "template": { "spec": { "containers": [{ "name": "spot-handler", "image": IMAGE }] } } },
        "status": { "desiredNumberScheduled": desired, "numberAvailable": available },
    }));
}

/// Creates one of its pods, `made` seconds old.
fn pod(objects: &ObjectStore, name: &str, made: i64, change: impl FnOnce(&mut Value)) {
    let mut pod = workload::pod(
        name,
        "",
        &json!({ "name": "spot-handler" }),
        "spot-handler",
        IMAGE,
    );
    pod["metadata"]["creationTimestamp"] = json!(workload::ago(made));
    pod["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "DaemonSet", "name": NAME, "uid": workload::uid(NAME), "controller": true,
    }]);
    change(&mut pod);
    objects.put(pod);
}

fn creating(pod: &mut Value) {
    wait_for(pod, "ContainerCreating", "");
}

/// The kubelet reported the pod ready and has since been unreachable.
fn unreachable_kubelet(pod: &mut Value) {
    pod["status"]["conditions"][1] = workload::condition("Ready", "False", "NodeNotReady", "");
}

fn crashing(pod: &mut Value) {
    not_ready(pod);
    let status = &mut pod["status"]["containerStatuses"][0];
    status["restartCount"] = json!(6);
    status["lastState"] = workload::terminated(1, "Error", 45, 24);
    status["state"] =
        json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 2m40s" } });
}

#[tokio::test]
async fn daemonset_with_invalid_token_is_reported() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    installed(objects, 1, 1);
    pod(objects, "castai-spot-handler-a", 7200, |_| {});
    world.assert_healthy().await;
    world.api.logs().write(
        "castai-spot-handler-a",
        "spot-handler",
        TOKEN_REJECTED_LINES[0].1,
    );
    let root = world
        .assert_root(CheckId::Components, M::CastaiTokenInvalid, Status::Failing)
        .await;
    let fix = remedy(&root);
    let upgrade = "helm upgrade -i castai-spot-handler castai-helm/castai-spot-handler";
    assert!(fix.as_str().contains(upgrade), "{fix}");
}

#[tokio::test]
async fn rejected_tokens_of_two_components_have_a_helm_upgrade_each() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    installed(objects, 1, 1);
    pod(objects, "castai-spot-handler-a", 7200, |_| {});
    world.assert_healthy().await;
    for (pod, container) in [
        ("castai-spot-handler-a", "spot-handler"),
        ("castai-evictor-5c4d3b2a1-ccccc", "castai-evictor"),
    ] {
        let logs = world.api.logs();
        logs.write(pod, container, TOKEN_REJECTED_LINES[0].1);
    }
    let root = world
        .assert_root(CheckId::Components, M::CastaiTokenInvalid, Status::Failing)
        .await;
    let fix = remedy(&root);
    for release in ["castai-evictor", "castai-spot-handler"] {
        let upgrade = format!("helm upgrade -i {release} castai-helm/{release}");
        assert!(
            fix.commands().any(|command| command.starts_with(&upgrade)),
            "{fix}"
        );
    }
}

#[tokio::test]
async fn daemonset_pods_on_new_and_lost_nodes_have_a_grace_period() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    let only = "castai-spot-handler-a";
    for first in [true, false] {
        installed(objects, 4, 1);
        if !first {
            pod(objects, "castai-spot-handler-z", 7200, |_| {});
        }
        // Pods on a new node, on a lost node, and on a lost node from which the pod is being
        // deleted.
        pod(objects, only, 60, creating);
        let cni =
            "Failed to create pod sandbox: network plugin is not ready: cni config uninitialized";
        objects.put(workload::event("Pod", only, "FailedCreatePodSandBox", cni));
        pod(objects, "castai-spot-handler-b", 7200, unreachable_kubelet);
        pod(objects, "castai-spot-handler-c", 7200, |pod| {
            unreachable_kubelet(pod);
            pod["metadata"]["deletionTimestamp"] = json!(workload::ago(600));
        });
        if first {
            installed(objects, 3, 0);
        }
        world.assert_healthy().await;
    }
}

#[tokio::test]
async fn daemonset_larger_than_the_pod_cache_is_not_missing() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    installed(objects, 2101, 2100);
    for number in 0..2100 {
        pod(
            objects,
            &format!("castai-spot-handler-{number:04}"),
            7200,
            |_| {},
        );
    }
    pod(objects, "castai-spot-handler-new", 60, creating);
    world.assert_healthy().await;
    pod(objects, "castai-spot-handler-0000", 7200, crashing);
    installed(objects, 2101, 2099);
    world
        .assert_root(CheckId::Components, M::AgentCrashloop, Status::Warning)
        .await;
}

#[tokio::test]
async fn broken_daemonset_pod_is_reported() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    let (works, other) = ("castai-spot-handler-a", "castai-spot-handler-b");
    for (mode, made, change) in [
        // Too long for a new node.
        (M::AgentUnavailable, 600, creating as PodFault),
        (M::AgentUnavailable, 600, not_ready),
        // New nodes do not cause this.
        (M::AgentCrashloop, 60, crashing),
    ] {
        installed(objects, 2, 1);
        pod(objects, works, 7200, |_| {});
        pod(objects, other, made, change);
        let root = world
            .assert_root(CheckId::Components, mode, Status::Warning)
            .await;
        assert!(
            evidence(&root).contains("spot-handler: "),
            "{}",
            evidence(&root)
        );
        // If no pod works, this is more than a warning.
        installed(objects, 1, 0);
        objects.remove("Pod", AGENT, works);
        world
            .assert_root(CheckId::Components, mode, Status::Failing)
            .await;
        objects.replace(workload::healthy());
        world.assert_healthy().await;
    }
}

#[tokio::test]
async fn daemonset_pod_creation_failure_is_reported() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    installed(objects, 2, 0);
    world
        .assert_root(CheckId::Components, M::AgentUnavailable, Status::Failing)
        .await;
    let text = "pods \"x\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=5, limited: pods=5";
    objects.put(workload::event("DaemonSet", NAME, "FailedCreate", text));
    world
        .assert_root(
            CheckId::Components,
            M::AgentFailedCreateQuota,
            Status::Failing,
        )
        .await;
}

#[tokio::test]
async fn unschedulable_second_replica_is_ok_while_the_first_works() {
    const ONE_POD_PER_NODE: &str = "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. preemption: 0/1 nodes \
                         are available: 1 No preemption victims found for incoming pod.";
    let world = LabCluster::start();
    let objects = world.api.objects();
    let of = &WORKLOADS[1];
    let mut pods = objects.all("Pod");
    pods.retain(|pod| {
        pod["metadata"]["name"]
            .as_str()
            .is_some_and(|name| name.starts_with(of.set))
    });
    without_a_node(objects, of, ONE_POD_PER_NODE);
    objects.put(pods.remove(0));
    objects.change("Deployment", AGENT, of.deployment, |deployment| {
        let text = format!("ReplicaSet \"{}\" has timed out progressing.", of.set);
        deployment["status"]["conditions"][1] =
            workload::condition("Progressing", "False", "ProgressDeadlineExceeded", &text);
    });
    world.assert_healthy().await;
    let check_states = world.run_checks().await;
    let controller = check_states
        .iter()
        .find(|check_state| check_state.check == of.check)
        .unwrap();
    assert_evidence(
        "cluster_controller_unschedulable_replica",
        &evidence(controller),
    );
    // If no pod works, the cause is not a missing second node.
    without_a_node(objects, of, ONE_POD_PER_NODE);
    world
        .assert_root(of.check, M::AgentUnschedulableSelector, Status::Failing)
        .await;
    // Other scheduling problems are still reported.
    objects.replace(workload::healthy());
    world.assert_healthy().await;
    without_a_node(
        objects,
        of,
        "0/3 nodes are available: 1 node(s) didn't match pod anti-affinity rules, 2 Insufficient cpu.",
    );
    objects.put(pods.remove(0));
    world
        .assert_root(of.check, M::AgentUnschedulableResources, Status::Warning)
        .await;
}
