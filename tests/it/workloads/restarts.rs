//! Sequences of starts, exits and recoveries: a start and a single restart are no failure, and a
//! loop is.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::state::CheckState;
use lab::apiserver::workload::AGENT;
use lab::apiserver::{ObjectStore, workload};
use serde_json::{Value, json};
use test_support::lab_cluster::{LabCluster, evidence, state_of};
use test_support::pods::{not_ready, wait_for};

use super::WORKLOADS;
use super::objects::each_pod;

/// The last exit of the agent's container.
#[derive(Clone, Copy)]
struct Exit {
    code: i32,
    reason: &'static str,
    run_seconds: i64,
}

/// The agent lost the API server.
const fn completed(run_seconds: i64) -> Exit {
    Exit {
        code: 0,
        reason: "Completed",
        run_seconds,
    }
}

/// The agent was killed with SIGKILL.
const fn killed(run_seconds: i64) -> Exit {
    Exit {
        code: 137,
        reason: "Error",
        run_seconds,
    }
}

/// The state of the agent's container after its last exit.
#[derive(Clone, Copy)]
enum Now {
    Exited,
    BackOff,
    /// Running for this many seconds, and not ready yet.
    Starting(i64),
    /// Running for this many seconds.
    Ready(i64),
}

/// Starts a lab cluster in which only `agent_workload` runs.
fn agent_workload_only() -> LabCluster {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::AgentWorkload]);
    world.configure();
    world
}

/// The agent's container has exited, and was restarted `restarts` times.
fn set_agent(objects: &ObjectStore, restarts: u32, exit: Exit, now: Now) {
    objects.change("Pod", AGENT, workload::POD, |pod| {
        let ended = match now {
            Now::Exited => 1,
            Now::BackOff => 5,
            Now::Starting(running) | Now::Ready(running) => running + 1,
        };
        let terminated =
            workload::terminated(exit.code, exit.reason, ended + exit.run_seconds, ended);
        let state = match now {
            Now::Exited => terminated.clone(),
            Now::BackOff => json!({ "waiting": {
                "reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container",
            } }),
            Now::Starting(running) | Now::Ready(running) => {
                json!({ "running": { "startedAt": workload::ago(running) } })
            }
        };
        not_ready(pod);
        if matches!(now, Now::Ready(_)) {
            ready(pod);
        }
        let status = &mut pod["status"]["containerStatuses"][0];
        status["restartCount"] = json!(restarts);
        status["lastState"] = terminated;
        status["state"] = state;
    });
}

fn ready(pod: &mut Value) {
    pod["status"]["conditions"][1] = workload::condition("Ready", "True", "", "");
    pod["status"]["containerStatuses"][0]["ready"] = json!(true);
}

/// The kubelet reported `ago` seconds ago that it kills the agent.
fn add_kill_event(objects: &ObjectStore, ago: i64) {
    let text = "Container agent failed liveness probe, will be restarted";
    let mut event = workload::event("Pod", workload::POD, "Killing", text);
    event["lastTimestamp"] = json!(workload::ago(ago));
    objects.put(event);
}

fn remove_kill_event(objects: &ObjectStore) {
    objects.remove("Event", AGENT, &format!("{}.killing", workload::POD));
}

async fn agent_workload(world: &LabCluster) -> CheckState {
    state_of(&world.run_checks().await, CheckId::AgentWorkload).clone()
}

/// Asserts the latest verdict of `agent_workload` and returns its evidence.
async fn assert_verdict(world: &LabCluster, status: Status, mode: Option<M>) -> String {
    let check_state = agent_workload(world).await;
    let report = check_state.latest.as_ref().unwrap();
    assert_eq!(
        (check_state.status(), report.verdict.modes()),
        (status, mode.into_iter().collect()),
        "{}",
        evidence(&check_state)
    );
    evidence(&check_state)
}

async fn assert_starting(world: &LabCluster) -> String {
    let text = assert_verdict(world, Status::Warning, Some(M::AgentUnavailable)).await;
    assert!(text.contains("starting since"), "{text}");
    text
}

#[tokio::test]
async fn single_restart_is_a_start_and_then_ok() {
    let world = agent_workload_only();
    let objects = world.api.objects();
    assert_verdict(&world, Status::Ok, None).await;
    set_agent(objects, 0, completed(7000), Now::Exited);
    let text = assert_starting(&world).await;
    assert!(text.contains("exit code 0"), "{text}");
    set_agent(objects, 1, completed(7000), Now::Starting(30));
    assert_starting(&world).await;
    set_agent(objects, 1, completed(7000), Now::Ready(40));
    let text = assert_verdict(&world, Status::Ok, None).await;
    assert!(text.contains("restarted once; last exit"), "{text}");
    // Another exit, much later.
    set_agent(objects, 2, completed(40_000), Now::Starting(30));
    assert_starting(&world).await;
    set_agent(objects, 2, completed(40_000), Now::Ready(40));
    assert_verdict(&world, Status::Ok, None).await;
}

#[tokio::test]
async fn exits_minutes_apart_with_recovery_between_them_are_not_a_loop() {
    let world = agent_workload_only();
    let objects = world.api.objects();
    set_agent(objects, 1, completed(7000), Now::Ready(40));
    assert_verdict(&world, Status::Ok, None).await;
    for (restarts, exit) in [(2, completed(240)), (3, killed(900)), (4, completed(1300))] {
        set_agent(objects, restarts, exit, Now::Starting(20));
        agent_workload(&world).await;
        set_agent(objects, restarts, exit, Now::Ready(80));
        assert_verdict(&world, Status::Ok, None).await;
    }
}

#[tokio::test]
async fn crash_loop_ends_soon_after_the_container_is_ready() {
    let world = agent_workload_only();
    let objects = world.api.objects();
    set_agent(objects, 1, completed(7000), Now::Starting(20));
    assert_starting(&world).await;
    for restarts in 1..4 {
        set_agent(objects, restarts, completed(46), Now::BackOff);
        assert_verdict(&world, Status::Failing, Some(M::AgentCompleted)).await;
        set_agent(objects, restarts + 1, completed(46), Now::Starting(20));
        assert_verdict(&world, Status::Failing, Some(M::AgentCompleted)).await;
    }
    // It may exit again: it has not outlived its last run.
    set_agent(objects, 4, completed(46), Now::Ready(40));
    assert_verdict(&world, Status::Failing, Some(M::AgentCompleted)).await;
    set_agent(objects, 4, completed(46), Now::Ready(65));
    assert_verdict(&world, Status::Ok, None).await;
    // A longer run before the last exit does not delay the recovery.
    set_agent(objects, 5, completed(400), Now::Ready(80));
    assert_verdict(&world, Status::Ok, None).await;
}

#[tokio::test]
async fn crash_loop_of_an_unready_container_is_known_to_a_new_exporter() {
    let mut world = agent_workload_only();
    let objects = world.api.objects().clone();
    set_agent(&objects, 5, completed(46), Now::Starting(20));
    assert_verdict(&world, Status::Failing, Some(M::AgentCompleted)).await;
    world.restart_exporter();
    set_agent(&objects, 5, completed(806), Now::Ready(60));
    let text = assert_verdict(&world, Status::Ok, None).await;
    assert!(text.contains("restarted 5 times"), "{text}");
}

#[tokio::test]
async fn slow_liveness_loop_is_reported_while_the_container_is_ready() {
    let world = agent_workload_only();
    let objects = world.api.objects();
    set_agent(objects, 1, completed(300_000), Now::Ready(60));
    add_kill_event(objects, 62);
    assert_verdict(&world, Status::Ok, None).await;
    set_agent(objects, 2, completed(806), Now::Ready(60));
    add_kill_event(objects, 62);
    assert_verdict(&world, Status::Failing, Some(M::AgentLivenessKilled)).await;
    remove_kill_event(objects);
    for running in [60, 700, 900] {
        set_agent(objects, 3, completed(790), Now::Ready(running));
        assert_verdict(&world, Status::Failing, Some(M::AgentLivenessKilled)).await;
    }
    set_agent(objects, 3, completed(790), Now::Ready(930));
    assert_verdict(&world, Status::Ok, None).await;
}

#[tokio::test]
async fn new_pod_is_starting_for_a_minute() {
    let world = agent_workload_only();
    let objects = world.api.objects();
    let create = |created: i64, change: &dyn Fn(&mut Value)| {
        objects.change("Pod", AGENT, workload::POD, |pod| {
            pod["metadata"]["creationTimestamp"] = json!(workload::ago(created));
            not_ready(pod);
            change(pod);
        });
    };
    create(1, &|pod| {
        pod["status"] = json!({ "phase": "Pending" });
    });
    assert_starting(&world).await;
    objects.replace(workload::healthy());
    create(50, &|pod| wait_for(pod, "ContainerCreating", ""));
    assert_starting(&world).await;
    create(65, &|pod| wait_for(pod, "ContainerCreating", ""));
    assert_verdict(&world, Status::Failing, Some(M::AgentUnavailable)).await;
    let running_for = |seconds: i64| {
        move |pod: &mut Value| {
            pod["status"]["phase"] = json!("Running");
            pod["status"]["containerStatuses"][0]["state"] =
                json!({ "running": { "startedAt": workload::ago(seconds) } });
        }
    };
    // The image was pulled for a minute, and the kubelet reports each failed readiness probe.
    create(115, &running_for(55));
    let probe = "Readiness probe failed: HTTP probe failed with statuscode: 503";
    objects.put(workload::event("Pod", workload::POD, "Unhealthy", probe));
    assert_starting(&world).await;
    create(125, &running_for(65));
    let text = assert_verdict(&world, Status::Failing, Some(M::AgentUnavailable)).await;
    assert!(text.contains(probe), "{text}");
    create(130, &|pod| {
        running_for(70)(pod);
        ready(pod);
    });
    assert_verdict(&world, Status::Ok, None).await;
}

#[tokio::test]
async fn start_beside_a_ready_pod_is_ok() {
    let world = agent_workload_only();
    let objects = world.api.objects();
    let second = |created: i64, set: &str| {
        let labels = json!({ "app.kubernetes.io/name": AGENT });
        let mut pod = workload::pod("castai-agent-new", set, &labels, "agent", workload::IMAGE);
        pod["metadata"]["creationTimestamp"] = json!(workload::ago(created));
        not_ready(&mut pod);
        pod["status"]["containerStatuses"][0]["state"] =
            json!({ "running": { "startedAt": workload::ago(created - 2) } });
        objects.put(pod);
        let probe = "Readiness probe failed: HTTP probe failed with statuscode: 503";
        let event = workload::event("Pod", "castai-agent-new", "Unhealthy", probe);
        objects.put(event);
    };
    // A rollout.
    second(20, workload::REPLICA_SET);
    assert_verdict(&world, Status::Ok, None).await;
    // A second replica.
    objects.change("Deployment", AGENT, AGENT, |deployment| {
        deployment["spec"]["replicas"] = json!(2);
    });
    let text = assert_verdict(&world, Status::Ok, None).await;
    assert!(text.contains("castai-agent-new"), "{text}");
    second(100, workload::REPLICA_SET);
    assert_verdict(&world, Status::Warning, Some(M::AgentUnavailable)).await;
}

#[tokio::test]
async fn start_that_replaces_an_evicted_pod_is_a_warning() {
    let world = agent_workload_only();
    let objects = world.api.objects();
    let mut record = objects.get("Pod", AGENT, workload::POD).unwrap();
    record["metadata"]["name"] = json!("castai-agent-evicted");
    record["metadata"]["uid"] = json!("castai-agent-evicted");
    record["status"] = json!({
        "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory.",
    });
    objects.put(record);
    let replace = |created: i64| {
        objects.change("Pod", AGENT, workload::POD, |pod| {
            pod["metadata"]["creationTimestamp"] = json!(workload::ago(created));
            wait_for(pod, "ContainerCreating", "");
        });
    };
    replace(30);
    assert_verdict(&world, Status::Warning, Some(M::AgentEvicted)).await;
    replace(100);
    assert_verdict(&world, Status::Failing, Some(M::AgentEvicted)).await;
}

#[tokio::test]
async fn start_with_a_known_fault_is_failing() {
    let world = agent_workload_only();
    let objects = world.api.objects();
    objects.change("Pod", AGENT, workload::POD, |pod| {
        pod["metadata"]["creationTimestamp"] = json!(workload::ago(5));
        wait_for(pod, "CreateContainerConfigError", "no secret");
    });
    assert_verdict(&world, Status::Failing, Some(M::AgentConfigMissing)).await;
}

#[tokio::test]
async fn single_oom_kill_is_a_warning_during_and_after_the_restart() {
    let world = agent_workload_only();
    let objects = world.api.objects();
    let exit = Exit {
        code: 137,
        reason: "OOMKilled",
        run_seconds: 4000,
    };
    for now in [
        Now::Exited,
        Now::Starting(20),
        Now::Ready(40),
        Now::Ready(3000),
    ] {
        let restarts = u32::from(!matches!(now, Now::Exited));
        set_agent(objects, restarts, exit, now);
        assert_verdict(&world, Status::Warning, Some(M::AgentOomkilled)).await;
    }
    set_agent(objects, 1, exit, Now::Ready(3700));
    assert_verdict(&world, Status::Ok, None).await;
}

#[tokio::test]
async fn sigkill_without_a_failing_probe_is_not_a_liveness_kill() {
    let world = agent_workload_only();
    let objects = world.api.objects();
    // The kubelet killed the agent earlier, after another run time.
    set_agent(objects, 1, completed(806), Now::Ready(60));
    add_kill_event(objects, 62);
    assert_verdict(&world, Status::Ok, None).await;
    add_kill_event(objects, 223);
    set_agent(objects, 2, killed(200), Now::Starting(20));
    let text = assert_verdict(&world, Status::Failing, Some(M::AgentKilled)).await;
    assert!(text.contains("SIGKILL"), "{text}");
    set_agent(objects, 2, killed(200), Now::Ready(80));
    let text = assert_verdict(&world, Status::Ok, None).await;
    assert!(text.contains("SIGKILL"), "{text}");
}

#[tokio::test]
async fn kill_event_after_an_exit_is_not_its_cause() {
    let world = agent_workload_only();
    let objects = world.api.objects();
    set_agent(objects, 2, completed(46), Now::Starting(40));
    // The kubelet kills the present run, which has not exited yet.
    add_kill_event(objects, 5);
    assert_verdict(&world, Status::Failing, Some(M::AgentCompleted)).await;
    add_kill_event(objects, 42);
    assert_verdict(&world, Status::Failing, Some(M::AgentLivenessKilled)).await;
}

#[tokio::test]
async fn restarting_component_has_the_same_grace_period() {
    let world = LabCluster::start();
    let objects = world.api.objects();
    for of in &WORKLOADS[1..] {
        let restarted = |running: i64| {
            each_pod(objects, of, |pod| {
                not_ready(pod);
                let status = &mut pod["status"]["containerStatuses"][0];
                status["restartCount"] = json!(1);
                status["lastState"] = workload::terminated(1, "Error", 7000, running + 1);
                status["state"] = json!({ "running": { "startedAt": workload::ago(running) } });
            });
        };
        restarted(20);
        world
            .assert_root(of.check, M::AgentUnavailable, Status::Warning)
            .await;
        restarted(100);
        world
            .assert_root(of.check, M::AgentUnavailable, Status::Failing)
            .await;
        each_pod(objects, of, ready);
        world.assert_healthy().await;
    }
}
