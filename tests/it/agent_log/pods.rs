//! Tests of several pods and containers, with logs that cannot be read.

use castai_health_exporter::catalogue::{FailureMode as M, Status};
use lab::ApiFault;
use lab::apiserver::workload::POD;
use lab::apiserver::{LogFault, workload};
use serde_json::json;
use test_support::agent_log_lines::LINES;
use test_support::lab_cluster::{LabCluster, evidence};

use super::{TOKEN_INVALID, agent_log, agent_log_only, restart_agent};
use crate::golden_entries::assert_evidence;

#[tokio::test]
async fn missing_log_permission_is_unknown_and_named() {
    let world = LabCluster::start();
    world.api.set(ApiFault::Denied("pods/log".to_owned())).await;
    let check_state = agent_log(&world).await;
    assert_eq!(check_state.status(), Status::Unknown);
    assert_evidence("agent_log_without_permission", &evidence(&check_state));
}

/// A second pod of the agent, on another node.
pub(crate) const SECOND_POD: &str = "castai-agent-6d8f9c7b5-a1b2c";

/// Adds a second agent pod; each pod has a monitor container.
pub(crate) fn add_second_pod(world: &LabCluster) {
    let labels = json!({ "app.kubernetes.io/name": "castai-agent", "app.kubernetes.io/instance": "castai-agent" });
    let pods = [POD, SECOND_POD].map(|name| {
        let mut pod = workload::pod(
            name,
            workload::REPLICA_SET,
            &labels,
            "agent",
            workload::IMAGE,
        );
        let statuses = ["agent", "monitor"].map(|name| workload::running(name, workload::IMAGE));
        pod["status"]["containerStatuses"] = json!(statuses);
        pod
    });
    for pod in pods {
        world.api.objects().put(pod);
    }
}

#[tokio::test]
async fn logs_of_each_agent_pod_are_read_and_named() {
    let world = agent_log_only();
    add_second_pod(&world);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
    world.api.logs().write(SECOND_POD, "agent", TOKEN_INVALID);
    world.api.logs().write(
        POD,
        "monitor",
        LINES
            .iter()
            .find(|(mode, _)| *mode == M::AgentLivenessKilled)
            .unwrap()
            .1,
    );
    let check_state = agent_log(&world).await;
    let (modes, text) = (
        check_state.latest.as_ref().unwrap().verdict.modes(),
        evidence(&check_state),
    );
    assert_eq!(
        modes,
        [M::CastaiTokenInvalid, M::AgentLivenessKilled],
        "{text}"
    );
    assert!(
        text.contains(&format!("{SECOND_POD}/agent")) && text.contains(&format!("{POD}/monitor")),
        "{text}"
    );
}

#[tokio::test]
async fn unreadable_log_is_named_and_hides_no_other() {
    let mut world = agent_log_only();
    add_second_pod(&world);
    for gap in [LogFault::KubeletUnreachable, LogFault::Stalled] {
        for container in ["agent", "monitor"] {
            world
                .api
                .logs()
                .set_fault(SECOND_POD, container, false, gap);
        }
        let check_state = agent_log(&world).await;
        let text = evidence(&check_state);
        assert_eq!(check_state.status(), Status::Ok, "{gap:?}: {text}");
        assert!(
            text.contains(&format!("{SECOND_POD}/agent")),
            "{gap:?}: {text}"
        );
        world.api.logs().write(POD, "agent", TOKEN_INVALID);
        let check_state = agent_log(&world).await;
        let text = evidence(&check_state);
        assert_eq!(
            check_state.latest.as_ref().unwrap().verdict.modes(),
            [M::CastaiTokenInvalid],
            "{gap:?}: {text}"
        );
        assert!(
            text.contains(&format!("{SECOND_POD}/agent")),
            "{gap:?}: {text}"
        );
        world.api.logs().clear();
        world.api.logs().clear_faults();
        world.restart_exporter();
    }
}

#[tokio::test]
async fn unknown_when_no_log_is_readable() {
    let world = agent_log_only();
    add_second_pod(&world);
    for (pod, container) in [
        (POD, "agent"),
        (POD, "monitor"),
        (SECOND_POD, "agent"),
        (SECOND_POD, "monitor"),
    ] {
        world
            .api
            .logs()
            .set_fault(pod, container, false, LogFault::KubeletUnreachable);
    }
    let check_state = agent_log(&world).await;
    assert_eq!(check_state.status(), Status::Unknown);
    assert!(
        evidence(&check_state).contains("500"),
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn previous_log_is_requested_again_after_a_failure() {
    let world = agent_log_only();
    world.api.logs().write(POD, "agent", TOKEN_INVALID);
    assert_eq!(
        agent_log(&world).await.stable_modes.modes(),
        [M::CastaiTokenInvalid]
    );
    world.api.logs().write(
        POD,
        "agent",
        LINES
            .iter()
            .find(|(mode, _)| *mode == M::AgentPortTaken)
            .unwrap()
            .1,
    );
    world.api.logs().restart(POD, "agent");
    restart_agent(&world, 2, true);
    world
        .api
        .logs()
        .set_fault(POD, "agent", true, LogFault::KubeletUnreachable);
    let check_state = agent_log(&world).await;
    let (modes, text) = (
        check_state.latest.as_ref().unwrap().verdict.modes(),
        evidence(&check_state),
    );
    assert_eq!(
        modes,
        [M::CastaiTokenInvalid],
        "known incidents are kept: {text}"
    );
    world.api.logs().clear_faults();
    let check_state = agent_log(&world).await;
    let (modes, text) = (
        check_state.latest.as_ref().unwrap().verdict.modes(),
        evidence(&check_state),
    );
    assert_eq!(modes, [M::CastaiTokenInvalid, M::AgentPortTaken], "{text}");
}

#[tokio::test]
async fn init_container_logs_are_read() {
    let world = agent_log_only();
    world
        .api
        .objects()
        .change("Pod", "castai-agent", POD, |pod| {
            let mut prepares = workload::running("prepare", workload::IMAGE);
            prepares["state"] = workload::terminated(0, "Completed", 7195, 7191);
            let sidecar = workload::running("monitor", workload::IMAGE);
            pod["status"]["initContainerStatuses"] = json!([prepares, sidecar]);
        });
    world.api.logs().write(POD, "prepare", TOKEN_INVALID);
    assert_eq!(
        agent_log(&world).await.status(),
        Status::Ok,
        "the log of this container is not read"
    );
    world.api.logs().write(
        POD,
        "monitor",
        LINES
            .iter()
            .find(|(mode, _)| *mode == M::AgentLivenessKilled)
            .unwrap()
            .1,
    );
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.stable_modes.modes(),
        [M::AgentLivenessKilled],
        "{}",
        evidence(&check_state)
    );
}
