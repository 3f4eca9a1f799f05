//! Tests of crash loops and of the evidence for their cause.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use lab::apiserver::workload::AGENT;
use lab::apiserver::{ObjectStore, workload};
use serde_json::json;
use test_support::lab_cluster::{LabCluster, evidence, state_of};
use test_support::pods::{not_ready, wait_for};

use super::WORKLOADS;
use super::faults::CREATION_ERRORS;
use super::objects::remove_pods;
use crate::golden_entries::assert_evidence;

/// Returns a lab cluster in which only `agent_workload` runs.
fn agent_workload_only() -> (LabCluster, ObjectStore) {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::AgentWorkload]);
    world.configure();
    let objects = world.api.objects().clone();
    (world, objects)
}

/// The agent started five seconds ago after `restarts` restarts and is not ready yet; its last run
/// took `lasted` seconds.
fn restart_agent(objects: &ObjectStore, restarts: u32, code: i32, lasted: i64) {
    objects.change("Pod", AGENT, workload::POD, |pod| {
        not_ready(pod);
        let status = &mut pod["status"]["containerStatuses"][0];
        let reason = if code == 0 { "Completed" } else { "Error" };
        status["restartCount"] = json!(restarts);
        status["lastState"] = workload::terminated(code, reason, lasted + 6, 6);
        status["state"] = json!({ "running": { "startedAt": workload::ago(5) } });
    });
}

/// The kubelet reported `ago` seconds ago that it killed the agent.
fn add_kill_event(objects: &ObjectStore, ago: i64) {
    let text = "Container agent failed liveness probe, will be restarted";
    let mut event = workload::event("Pod", workload::POD, "Killing", text);
    event["lastTimestamp"] = json!(workload::ago(ago));
    objects.put(event);
}

fn expire_kill_events(objects: &ObjectStore) {
    objects.remove("Event", AGENT, &format!("{}.killing", workload::POD));
}

async fn assert_mode_and_evidence(world: &LabCluster, mode: M, entry: &str) {
    let root = world
        .assert_root(CheckId::AgentWorkload, mode, Status::Failing)
        .await;
    assert_evidence(entry, &evidence(&root));
}

#[tokio::test]
async fn liveness_kills_are_remembered_after_the_event_expires() {
    let (world, objects) = agent_workload_only();
    // The first container ran for days.
    restart_agent(&objects, 1, 0, 300_000);
    add_kill_event(&objects, 7);
    world
        .assert_root(CheckId::AgentWorkload, M::AgentUnavailable, Status::Warning)
        .await;
    restart_agent(&objects, 2, 0, 806);
    add_kill_event(&objects, 7);
    assert_mode_and_evidence(
        &world,
        M::AgentLivenessKilled,
        "crash_loop_killed_by_kubelet",
    )
    .await;
    expire_kill_events(&objects);
    for (restarts, lasted) in [(3, 790), (4, 816), (5, 975)] {
        restart_agent(&objects, restarts, 0, lasted);
        let entry = format!("crash_loop_kill_{restarts}_without_event");
        assert_mode_and_evidence(&world, M::AgentLivenessKilled, &entry).await;
    }
    // An agent that loses the API server survives until its lease expires.
    restart_agent(&objects, 6, 0, 300);
    for _ in 0..3 {
        world.run_checks().await;
    }
    assert_mode_and_evidence(&world, M::AgentCompleted, "crash_loop_after_lost_lease").await;
}

#[tokio::test]
async fn liveness_kills_during_registration_are_remembered() {
    let (world, objects) = agent_workload_only();
    restart_agent(&objects, 2, 1, 46);
    add_kill_event(&objects, 20);
    assert_mode_and_evidence(
        &world,
        M::AgentLivenessKilled,
        "crash_loop_killed_by_kubelet_during_registration",
    )
    .await;
    expire_kill_events(&objects);
    restart_agent(&objects, 3, 1, 47);
    assert_mode_and_evidence(
        &world,
        M::AgentLivenessKilled,
        "crash_loop_registration_kill_without_event",
    )
    .await;
}

#[tokio::test]
async fn exporter_started_during_a_crash_loop_reports_only_what_is_proven() {
    let (mut world, objects) = agent_workload_only();
    for (kill_event, lasted, mode, entry) in [
        (
            Some(2400),
            806,
            M::AgentLivenessKilled,
            "late_exporter_old_kill_event",
        ),
        (None, 806, M::AgentCompleted, "late_exporter_no_kill_event"),
        (None, 300, M::AgentCompleted, "late_exporter_short_runs"),
        (
            Some(2400),
            300,
            M::AgentCompleted,
            "late_exporter_short_runs_and_old_kill_event",
        ),
    ] {
        world.restart_exporter();
        restart_agent(&objects, 5, 0, lasted);
        expire_kill_events(&objects);
        if let Some(ago) = kill_event {
            add_kill_event(&objects, ago);
        }
        assert_mode_and_evidence(&world, mode, entry).await;
    }
}

#[tokio::test]
async fn crash_loop_of_an_unready_container_ends_when_it_outlives_its_last_run() {
    let (world, objects) = agent_workload_only();
    let since = |runs: i64| {
        restart_agent(&objects, 5, 0, 800);
        objects.change("Pod", AGENT, workload::POD, |pod| {
            let status = &mut pod["status"]["containerStatuses"][0];
            status["lastState"] = workload::terminated(0, "Completed", runs + 801, runs + 1);
            status["state"] = json!({ "running": { "startedAt": workload::ago(runs) } });
        });
    };
    since(850);
    world
        .assert_root(CheckId::AgentWorkload, M::AgentCompleted, Status::Failing)
        .await;
    since(930);
    let check_states = world.run_checks().await;
    let agent = state_of(&check_states, CheckId::AgentWorkload);
    let report = agent.latest.as_ref().unwrap();
    assert_eq!(report.verdict.modes(), [M::AgentUnavailable]);
}

#[tokio::test]
async fn pod_creation_failure_is_detected_from_events() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    for (index, (mode, text)) in CREATION_ERRORS.iter().enumerate() {
        remove_pods(objects, &WORKLOADS[0]);
        objects.change("ReplicaSet", AGENT, workload::REPLICA_SET, |set| {
            set["status"] = json!({ "replicas": 0 });
        });
        objects.put(workload::event(
            "ReplicaSet",
            workload::REPLICA_SET,
            "FailedCreate",
            text,
        ));
        let root = world
            .assert_root(CheckId::AgentWorkload, *mode, Status::Failing)
            .await;
        assert_evidence(
            &format!("agent_workload_creation_{index}_{mode}"),
            &evidence(&root),
        );
        objects.replace(workload::healthy());
        world.assert_healthy().await;
    }
}

#[tokio::test]
async fn failing_init_container_is_reported() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    let image = "r.example.com/init:1";
    for (mode, state) in [
        (
            M::ImageNotFound,
            json!({ "waiting": { "reason": "ErrImagePull", "message": format!("{image}: not found") } }),
        ),
        (
            M::AgentConfigMissing,
            json!({ "waiting": {
            "reason": "CreateContainerConfigError", "message": "secret \"x\" not found",
        } }),
        ),
        (
            M::AgentCrashloop,
            json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 40s" } }),
        ),
    ] {
        objects.change("Pod", AGENT, workload::POD, |pod| {
            wait_for(pod, "PodInitializing", "");
            not_ready(pod);
            pod["status"]["initContainerStatuses"] = json!([{
                "name": "init", "image": image, "ready": false, "restartCount": 3, "state": state,
                "lastState": workload::terminated(1, "Error", 40, 30),
            }]);
        });
        let root = world
            .assert_root(CheckId::AgentWorkload, mode, Status::Failing)
            .await;
        assert!(evidence(&root).contains("init"), "{}", evidence(&root));
        objects.replace(workload::healthy());
        world.assert_healthy().await;
    }
}
