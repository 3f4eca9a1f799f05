//! Tests of crash loops and of the evidence for their cause.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use lab::apiserver::workload::AGENT;
use lab::apiserver::{ObjectStore, workload};
use serde_json::json;
use test_support::lab_cluster::{LabCluster, evidence};
use test_support::pods::{not_ready, wait_for};

use super::{NOT_MADE, WORKLOADS, no_pods};

/// Returns a lab cluster in which only `agent_workload` runs.
fn only_the_agents_workload() -> (LabCluster, ObjectStore) {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::AgentWorkload]);
    world.configure();
    let objects = world.api.objects().clone();
    (world, objects)
}

/// The agent started five seconds ago after `restarts` restarts; its last run took `lasted`
/// seconds.
fn runs_again(objects: &ObjectStore, restarts: u32, code: i32, lasted: i64) {
    objects.change("Pod", AGENT, workload::POD, |pod| {
        let status = &mut pod["status"]["containerStatuses"][0];
        let reason = if code == 0 { "Completed" } else { "Error" };
        status["restartCount"] = json!(restarts);
        status["lastState"] = workload::terminated(code, reason, lasted + 6, 6);
        status["state"] = json!({ "running": { "startedAt": workload::ago(5) } });
    });
}

/// The kubelet reported `ago` seconds ago that it killed the agent.
fn kill_told(objects: &ObjectStore, ago: i64) {
    let text = "Container agent failed liveness probe, will be restarted";
    let mut event = workload::event("Pod", workload::POD, "Killing", text);
    event["lastTimestamp"] = json!(workload::ago(ago));
    objects.put(event);
}

fn kills_forgotten(objects: &ObjectStore) {
    objects.remove("Event", AGENT, &format!("{}.killing", workload::POD));
}

async fn assert_said(world: &LabCluster, mode: M, words: &str) {
    let said = evidence(
        &world
            .assert_root(CheckId::AgentWorkload, mode, Status::Failing)
            .await,
    );
    assert!(said.contains(words), "{words}: {said}");
}

#[tokio::test]
async fn an_agent_that_is_killed_for_hours_is_told_so_also_when_the_kubelet_says_it_no_more() {
    let (world, objects) = only_the_agents_workload();
    // The first container ran for days.
    runs_again(&objects, 1, 0, 300_000);
    kill_told(&objects, 7);
    world.assert_ok().await;
    runs_again(&objects, 2, 0, 806);
    kill_told(&objects, 7);
    assert_said(
        &world,
        M::AgentLivenessKilled,
        "the kubelet killed it because its liveness probe failed",
    )
    .await;
    kills_forgotten(&objects);
    for (restarts, lasted) in [(3, 790), (4, 816), (5, 975)] {
        runs_again(&objects, restarts, 0, lasted);
        assert_said(
            &world,
            M::AgentLivenessKilled,
            "of every kill the kubelet does not tell",
        )
        .await;
    }
    // An agent that loses the API server survives until its lease expires.
    runs_again(&objects, 6, 0, 300);
    for _ in 0..3 {
        world.look().await;
    }
    assert_said(
        &world,
        M::AgentCompleted,
        "after losing the API server or its lease",
    )
    .await;
}

#[tokio::test]
async fn an_agent_that_is_killed_while_it_registers_is_told_so_also_when_the_kubelet_says_it_no_more()
 {
    let (world, objects) = only_the_agents_workload();
    runs_again(&objects, 2, 1, 46);
    kill_told(&objects, 20);
    assert_said(&world, M::AgentLivenessKilled, "the kubelet killed it").await;
    kills_forgotten(&objects);
    runs_again(&objects, 3, 1, 47);
    assert_said(
        &world,
        M::AgentLivenessKilled,
        "of every kill the kubelet does not tell",
    )
    .await;
}

#[tokio::test]
async fn an_exporter_that_comes_late_to_a_loop_says_no_more_than_it_can_know() {
    let (mut world, objects) = only_the_agents_workload();
    for (told, lasted, mode, words) in [
        (
            Some(2400),
            806,
            M::AgentLivenessKilled,
            "of every kill the kubelet does not tell",
        ),
        (
            None,
            806,
            M::AgentCompleted,
            "or the kubelet killed it because it had delivered nothing for 12 minutes",
        ),
        (
            None,
            300,
            M::AgentCompleted,
            "after losing the API server or its lease",
        ),
        (
            Some(2400),
            300,
            M::AgentCompleted,
            "after losing the API server or its lease",
        ),
    ] {
        world.configure_anew();
        runs_again(&objects, 5, 0, lasted);
        kills_forgotten(&objects);
        if let Some(ago) = told {
            kill_told(&objects, ago);
        }
        assert_said(&world, mode, words).await;
    }
}

#[tokio::test]
async fn an_agent_that_runs_for_longer_than_before_is_well() {
    let (world, objects) = only_the_agents_workload();
    let since = |runs: i64| {
        runs_again(&objects, 5, 0, 800);
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
    world.assert_ok().await;
}

#[tokio::test]
async fn a_pod_that_is_not_made_is_told_by_events_alone() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    for (mode, text) in NOT_MADE {
        no_pods(objects, &WORKLOADS[0]);
        objects.change("ReplicaSet", AGENT, workload::REPLICA_SET, |set| {
            set["status"] = json!({ "replicas": 0 })
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
        assert!(
            evidence(&root).contains("cannot create its pod: "),
            "{}",
            evidence(&root)
        );
        objects.replace(workload::healthy());
        world.assert_healthy().await;
    }
}

#[tokio::test]
async fn an_init_container_keeps_the_agent_from_running() {
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
