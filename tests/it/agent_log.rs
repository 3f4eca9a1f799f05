//! Tests of `agent_log`: every mode, root causes, expiry and missing permissions.

pub(super) mod pods;
mod restarts;
mod tail;
mod unclassified;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::classify::classify_line;
use castai_health_exporter::state::CheckState;
use lab::Ec2Fault;
use lab::apiserver::workload;
use lab::apiserver::workload::POD;
use serde_json::json;
use test_support::agent_log_lines::LINES;
use test_support::lab_cluster::{LabCluster, evidence};

const UPLOADED: &str = r#"time="2026-11-22T13:04:54Z" level=info msg="delta upload finished" full_snapshot=false items=3 response_code=204"#;

const TOKEN_INVALID: &str = r#"time="2026-11-22T13:04:54Z" level=error msg="failed getting agent configuration: request error status_code=401 body={\"message\":\"Unauthorized\"}""#;

/// Returns a lab cluster in which only `agent_log` runs.
fn agent_log_only() -> LabCluster {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::AgentLog]);
    world.configure();
    world
}

async fn agent_log(world: &LabCluster) -> CheckState {
    world
        .run_checks()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::AgentLog)
        .unwrap()
}

/// The agent's container has restarted `times` times, the last time just now. It runs again if
/// `runs`.
fn restart_agent(world: &LabCluster, times: u32, runs: bool) {
    world.api.objects().change("Pod", "castai-agent", POD, |pod| {
        let ended = workload::terminated(1, "Error", 100, 2);
        let state = if runs {
            json!({ "running": { "startedAt": workload::ago(1) } })
        } else {
            json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container" } })
        };
        pod["status"]["containerStatuses"][0]["restartCount"] = json!(times);
        pod["status"]["containerStatuses"][0]["state"] = state;
        pod["status"]["containerStatuses"][0]["lastState"] = ended;
    });
}

#[test]
fn each_line_names_its_mode() {
    for (mode, line) in LINES {
        assert_eq!(classify_line(line).mode(), Some(*mode), "{line}");
    }
}

#[tokio::test]
async fn incident_of_every_mode_ends_with_its_container() {
    let mut world = agent_log_only();
    for (mode, line) in LINES {
        world.api.logs().write(POD, "agent", line);
        let check_state = agent_log(&world).await;
        assert_eq!(
            check_state.stable_modes.modes(),
            [*mode],
            "{line}: {}",
            evidence(&check_state)
        );
        world.api.logs().clear();
        world.restart_exporter();
        let check_state = agent_log(&world).await;
        assert_eq!(
            check_state.status(),
            Status::Ok,
            "{mode}: {}",
            evidence(&check_state)
        );
    }
}

#[tokio::test]
async fn incident_expires_without_new_lines() {
    let world = LabCluster::start();
    world.api.logs().write_ago(POD, "agent", 80, TOKEN_INVALID);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
    world.api.logs().write(POD, "agent", TOKEN_INVALID);
    let root = world
        .assert_root(CheckId::AgentLog, M::CastaiTokenInvalid, Status::Failing)
        .await;
    assert!(
        evidence(&root).contains("castai-agent-6d8f9c7b5-x2x4z/agent"),
        "{}",
        evidence(&root)
    );
}

#[tokio::test]
async fn incident_is_a_warning_while_the_agent_delivers() {
    let world = LabCluster::start();
    world.api.logs().write_ago(POD, "agent", 30, TOKEN_INVALID);
    world.api.logs().write_ago(POD, "agent", 10, UPLOADED);
    world.api.logs().write_ago(POD, "agent", 5, TOKEN_INVALID);
    world
        .assert_root(CheckId::AgentLog, M::CastaiTokenInvalid, Status::Warning)
        .await;
}

#[tokio::test]
async fn crash_loop_cause_is_read_from_previous_container() {
    let world = LabCluster::start();
    let denied = LINES
        .iter()
        .find(|(mode, _)| *mode == M::Ec2DeniedUnspecified)
        .unwrap()
        .1;
    // Two exits in a row, seen by the exporter, are a loop.
    restart_agent(&world, 3, true);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
    world.api.logs().write_ago(POD, "agent", 20, denied);
    world.api.logs().write_ago(
        POD,
        "agent",
        5,
        r#"time="x" level=error msg="failed to send logs after shutdown timed out""#,
    );
    world.api.logs().restart(POD, "agent");
    restart_agent(&world, 4, true);
    // `agent_workload` sees the crash loop as well, but not its cause.
    let root = agent_log(&world).await;
    assert_eq!(
        (root.stable_modes.modes(), root.status()),
        (&[M::Ec2DeniedUnspecified][..], Status::Failing)
    );
    assert!(
        evidence(&root).contains("exit code 1"),
        "{}",
        evidence(&root)
    );
    world.api.logs().write(POD, "agent", UPLOADED);
    assert_eq!(
        agent_log(&world).await.status(),
        Status::Ok,
        "the restarted container works"
    );
}

#[tokio::test]
async fn single_restart_is_ok() {
    let world = LabCluster::start();
    world.api.logs().write_ago(
        POD,
        "agent",
        20,
        LINES
            .iter()
            .find(|(mode, _)| *mode == M::K8sNoAnswer)
            .unwrap()
            .1,
    );
    world.api.logs().restart(POD, "agent");
    restart_agent(&world, 1, true);
    let root = agent_log(&world).await;
    assert_eq!(
        (root.stable_modes.modes(), root.status()),
        (&[M::K8sNoAnswer][..], Status::Warning)
    );
}

#[tokio::test]
async fn incident_holds_during_crash_loop_back_off() {
    let world = LabCluster::start();
    world.api.logs().write_ago(POD, "agent", 20, TOKEN_INVALID);
    restart_agent(&world, 4, false);
    let root = agent_log(&world).await;
    assert_eq!(
        (root.stable_modes.modes(), root.status()),
        (&[M::CastaiTokenInvalid][..], Status::Failing)
    );
}

#[tokio::test]
async fn firewall_error_in_log_refers_to_control_plane_access() {
    let world = LabCluster::start();
    let line = r#"time="x" level=error msg="reconciling: No access to Kubernetes API server, please check your firewall settings""#;
    world.api.logs().write(POD, "agent", line);
    let check_state = agent_log(&world).await;
    assert_eq!(
        (check_state.stable_modes.modes(), check_state.status()),
        (&[M::Unclassified][..], Status::Warning)
    );
    let text = evidence(&check_state);
    assert!(
        text.contains("cpfw_blocked") && text.contains("control_plane_access"),
        "{text}"
    );
}

#[tokio::test]
async fn logged_ec2_denial_ends_when_ec2_api_is_ok() {
    let mut world = LabCluster::start();
    let denied = LINES
        .iter()
        .find(|(mode, _)| *mode == M::Ec2DeniedIdentityPolicy)
        .unwrap()
        .1;
    world.only = Some(&[CheckId::AgentLog, CheckId::Ec2Api]);
    world.configure();
    world.ec2.set(Ec2Fault::DeniedIdentityPolicy).await;
    world.api.logs().write_ago(POD, "agent", 60, denied);
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.stable_modes.modes(),
        [M::Ec2DeniedIdentityPolicy],
        "{}",
        evidence(&check_state)
    );
    world.ec2.heal().await;
    // By the end of this round, EC2 has answered a call.
    let _ = agent_log(&world).await;
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
    world.ec2.set(Ec2Fault::DeniedIdentityPolicy).await;
    world.api.logs().write(POD, "agent", denied);
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.stable_modes.modes(),
        [M::Ec2DeniedIdentityPolicy],
        "a later denial is reported: {}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn logged_refusal_is_over_in_one_round_when_the_permission_is_granted() {
    let world = LabCluster::start();
    let refused = LINES
        .iter()
        .find(|(mode, _)| *mode == M::K8sRbacForbidden)
        .unwrap()
        .1;
    // A refusal ends by itself after 75 s, and after 40 s if the permissions are known to be granted.
    world.api.logs().write_ago(POD, "agent", 50, refused);
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn logged_failure_is_over_when_the_pod_is_deleted_and_not_created_again() {
    let world = LabCluster::start();
    world.api.logs().write(POD, "agent", TOKEN_INVALID);
    let check_state = agent_log(&world).await;
    assert_eq!(check_state.stable_modes.modes(), [M::CastaiTokenInvalid]);
    world
        .api
        .objects()
        .remove("Pod", workload::AGENT, workload::POD);
    let check_state = agent_log(&world).await;
    assert!(
        check_state.stable_modes.modes().is_empty(),
        "{}",
        evidence(&check_state)
    );
    assert_eq!(check_state.status(), Status::NotApplicable);
}
