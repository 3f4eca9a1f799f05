//! Break a CAST AI workload in every way Kubernetes reports, expect exactly that mode, heal it,
//! expect `ok`.
//!
//! One lab cluster plays all faults of one workload; the tests of the catalogue find missing pairs.

mod agent_upgrade;
mod component_logs;
mod components;
mod crash_loops;
mod daemonsets;
mod faults;
mod image_pull;
mod node_lifecycle;
mod objects;
mod permissions;
mod restarts;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::report::Observation;
use faults::{
    AGENT_ONLY_FAULTS, CREATION_ERRORS, FAULTS, IMAGE_ERRORS, SCHEDULING_ERRORS,
    TOKEN_REJECTED_LINES,
};
use lab::AgentFault;
use lab::apiserver::workload::AGENT;
use lab::apiserver::{ObjectStore, workload};
use objects::{each_pod, fail_pod_creation, wait_for_reason, without_a_node};
use serde_json::{Value, json};
use test_support::lab_cluster::{LabCluster, evidence};
use test_support::pods::not_ready;

/// A workload, and the check that judges it.
struct Workload {
    check: CheckId,
    deployment: &'static str,
    set: &'static str,
    container: &'static str,
}

/// A way to break a workload.
struct Fault {
    mode: M,
    apply: fn(&ObjectStore, &Workload),
}

const WORKLOADS: [Workload; 3] = [
    Workload {
        check: CheckId::AgentWorkload,
        deployment: "castai-agent",
        set: workload::REPLICA_SET,
        container: "agent",
    },
    Workload {
        check: CheckId::ClusterController,
        deployment: "castai-cluster-controller",
        set: "castai-cluster-controller-7f6d5c4b3",
        container: "cluster-controller",
    },
    Workload {
        check: CheckId::Components,
        deployment: "castai-evictor",
        set: "castai-evictor-5c4d3b2a1",
        container: "castai-evictor",
    },
];

/// Returns every (check, mode) that these tests provoke.
pub(crate) fn covered_pairs() -> Vec<(CheckId, M)> {
    let modes = FAULTS
        .iter()
        .map(|fault| fault.mode)
        .chain(SCHEDULING_ERRORS.iter().map(|row| row.0));
    let modes = modes
        .chain(CREATION_ERRORS.iter().map(|row| row.0))
        .chain(IMAGE_ERRORS.iter().map(|row| row.0));
    let mut pairs: Vec<_> = modes
        .flat_map(|mode| WORKLOADS.iter().map(move |of| (of.check, mode)))
        .collect();
    pairs.extend(
        AGENT_ONLY_FAULTS
            .iter()
            .map(|(check, fault)| (*check, fault.mode)),
    );
    pairs.extend(IMAGE_ERRORS.iter().map(|row| (CheckId::ImagePull, row.0)));
    pairs.extend([
        (CheckId::NodeLifecycle, M::LifecycleUnresolved),
        (CheckId::AgentUpgrade, M::AgentUpgradeSelectorImmutable),
        (CheckId::AgentUpgrade, M::AgentVersionOutdated),
        (CheckId::ClusterController, M::AgentNoLeader),
        (CheckId::ClusterController, M::AgentLeaseStale),
    ]);
    let refused = [CheckId::ClusterController, CheckId::Components].into_iter();
    pairs.extend(refused.flat_map(|check| TOKEN_REJECTED_LINES.map(|(mode, _)| (check, mode))));
    pairs
}

#[tokio::test]
async fn every_agent_fault_has_its_mode() {
    play(&WORKLOADS[0]).await;
}

#[tokio::test]
async fn every_cluster_controller_fault_has_its_mode() {
    play(&WORKLOADS[1]).await;
}

#[tokio::test]
async fn every_component_fault_has_its_mode() {
    play(&WORKLOADS[2]).await;
}

/// Breaks and heals the workload in every way, in one lab cluster.
async fn play(of: &Workload) {
    let world = LabCluster::start();
    world.assert_healthy().await;
    let objects = world.api.objects();
    let shared = FAULTS.iter().map(|fault| (fault.mode, fault.apply));
    let own = AGENT_ONLY_FAULTS
        .iter()
        .filter(|(check, _)| *check == of.check)
        .map(|(_, fault)| (fault.mode, fault.apply));
    for (mode, apply) in shared.chain(own) {
        apply(objects, of);
        assert_detected_and_healed(&world, of.check, mode).await;
    }
    for (mode, text) in SCHEDULING_ERRORS {
        without_a_node(objects, of, text);
        assert_detected_and_healed(&world, of.check, *mode).await;
    }
    for (mode, text) in CREATION_ERRORS {
        fail_pod_creation(objects, of, text);
        assert_detected_and_healed(&world, of.check, *mode).await;
    }
    for (mode, reason, text, _) in IMAGE_ERRORS {
        wait_for_reason(objects, of, reason, text);
        assert_detected_and_healed(&world, of.check, *mode).await;
    }
}

async fn assert_detected_and_healed(world: &LabCluster, check: CheckId, mode: M) {
    let root = world.assert_root(check, mode, Status::Failing).await;
    assert!(evidence(&root).len() > 20, "{mode}: {}", evidence(&root));
    world.api.objects().replace(workload::healthy());
    world.assert_healthy().await;
}

#[tokio::test]
async fn evicted_pod_does_not_explain_later_failures() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    let mut record = objects
        .all("Pod")
        .into_iter()
        .find(|pod| pod["metadata"]["name"] == workload::POD)
        .unwrap();
    record["metadata"]["name"] = json!("castai-agent-evicted");
    record["metadata"]["uid"] = json!("castai-agent-evicted");
    record["status"] = json!({ "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory." });
    objects.put(record);
    world.assert_healthy().await;
    let lost = json!({ "type": "Ready", "status": "False", "reason": "NodeNotReady" });
    for mut pod in objects
        .all("Pod")
        .into_iter()
        .filter(|pod| pod["metadata"]["name"] == workload::POD)
    {
        pod["status"]["conditions"][1] = lost.clone();
        objects.put(pod);
    }
    world
        .assert_root(CheckId::AgentWorkload, M::AgentUnavailable, Status::Failing)
        .await;
}

#[tokio::test]
async fn agent_health_is_not_applicable_while_no_agent_pod_runs() {
    let world = LabCluster::start();
    world.agent.set(AgentFault::Refused).await;
    let health = async |status: Status| {
        let check_states = world.run_checks().await;
        let health = check_states
            .iter()
            .find(|check_state| check_state.check == CheckId::AgentHealth)
            .unwrap();
        assert_eq!(health.status(), status, "{}", evidence(health));
        evidence(health)
    };
    health(Status::Failing).await;
    wait_for_reason(
        world.api.objects(),
        &WORKLOADS[0],
        "CreateContainerConfigError",
        "secret \"castai-agent\" not found",
    );
    let text = health(Status::NotApplicable).await;
    assert!(
        text.contains("agent_workload") && text.contains("agent_config_missing"),
        "{text}"
    );
    // Pods that run but are not ready do not explain a closed port.
    world.api.objects().replace(workload::healthy());
    each_pod(world.api.objects(), &WORKLOADS[0], not_ready);
    health(Status::Failing).await;
}

#[tokio::test]
async fn single_restart_after_control_plane_pause_is_ok() {
    let world = LabCluster::start();
    world
        .api
        .objects()
        .change("Pod", AGENT, workload::POD, |pod| {
            let status = &mut pod["status"]["containerStatuses"][0];
            status["restartCount"] = json!(1);
            status["lastState"] = workload::terminated(0, "Completed", 7000, 30);
            status["state"]["running"]["startedAt"] = json!(workload::ago(29));
        });
    world.assert_healthy().await;
}

#[tokio::test]
async fn agent_pods_are_counted_with_and_without_sidecar() {
    let mut world = LabCluster::start();
    let counts = async |world: &LabCluster| {
        let check_states = world.run_checks().await;
        let check_state = check_states
            .iter()
            .find(|check_state| check_state.check == CheckId::AgentWorkload)
            .unwrap();
        let observations = &check_state.latest.as_ref().unwrap().observations;
        ["present", "missing", "not_expected"].map(|state| {
            observations.iter().find_map(|fact| match fact {
                Observation::AgentPods(of, count) if *of == state => Some(*count),
                _ => None,
            })
        })
    };
    assert_eq!(
        counts(&world).await,
        [Some(0), Some(0), Some(1)],
        "no sidecar is expected without the label"
    );
    world.file.push_str("  sidecar_expected: true\n");
    world.configure();
    assert_eq!(counts(&world).await, [Some(0), Some(1), Some(0)]);
    let inject = |value: &'static str| {
        move |pod: &mut Value| {
            pod["metadata"]["labels"]["castai-health-exporter/inject"] = json!(value);
        }
    };
    world
        .api
        .objects()
        .change("Pod", AGENT, workload::POD, inject("false"));
    assert_eq!(
        counts(&world).await,
        [Some(0), Some(0), Some(1)],
        "the pod opts out by label"
    );
    world
        .api
        .objects()
        .change("Pod", AGENT, workload::POD, inject("true"));
    assert_eq!(counts(&world).await, [Some(0), Some(1), Some(0)]);
    world
        .api
        .objects()
        .change("Pod", AGENT, workload::POD, |pod| {
            let containers = pod["spec"]["containers"].as_array_mut().unwrap();
            containers.push(json!({ "name": "castai-health-exporter", "image": "exporter" }));
        });
    assert_eq!(counts(&world).await, [Some(1), Some(0), Some(0)]);
    world
        .api
        .objects()
        .change("Pod", AGENT, workload::POD, |pod| {
            pod["metadata"]["deletionTimestamp"] = json!(workload::ago(0));
        });
    assert_eq!(
        counts(&world).await,
        [Some(0), Some(0), Some(0)],
        "the pod is terminating"
    );
}

#[tokio::test]
async fn pod_with_agent_labels_but_other_owner_is_ignored() {
    let world = LabCluster::start();
    let labels = json!({ "app.kubernetes.io/name": "castai-agent", "app.kubernetes.io/instance": "castai-agent" });
    let mut pod = workload::pod(
        "impostor",
        "other-replica-set",
        &labels,
        "agent",
        workload::IMAGE,
    );
    pod["status"]["phase"] = json!("Pending");
    pod["status"]["conditions"] = json!([workload::condition(
        "PodScheduled",
        "False",
        "Unschedulable",
        SCHEDULING_ERRORS[0].1
    )]);
    world.api.objects().put(pod);
    world.assert_healthy().await;
}

#[tokio::test]
async fn agent_with_one_working_pod_is_a_warning() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    objects.change("Deployment", AGENT, AGENT, |deployment| {
        deployment["spec"]["replicas"] = json!(2);
    });
    objects.change("ReplicaSet", AGENT, workload::REPLICA_SET, |set| {
        set["spec"]["replicas"] = json!(2);
    });
    objects.change("ReplicaSet", AGENT, workload::REPLICA_SET, |set| {
        set["status"]["conditions"] = json!([workload::condition(
            "ReplicaFailure",
            "True",
            "FailedCreate",
            CREATION_ERRORS[0].1
        )]);
    });
    world
        .assert_root(
            CheckId::AgentWorkload,
            M::AgentFailedCreateQuota,
            Status::Warning,
        )
        .await;
}
