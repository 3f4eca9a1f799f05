//! Tests of `agent_log`: every mode, root causes, expiry and missing permissions.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::classify::classify_line;
use castai_health_exporter::report::Observation;
use castai_health_exporter::state::CheckState;
use lab::ApiFault;
use lab::apiserver::workload::POD;
use lab::apiserver::{LogFault, workload};
use serde_json::json;
use test_support::lab_cluster::{LabCluster, evidence};

use crate::agent_log_lines::LINES;
use crate::golden_entries::assert_evidence;

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
            check_state.settled.modes(),
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
        (root.settled.modes(), root.status()),
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
async fn log_is_followed_across_rotation_and_restart() {
    let world = agent_log_only();
    let write = |line: &str| world.api.logs().write(POD, "agent", line);
    write(UPLOADED);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
    write(TOKEN_INVALID);
    assert_eq!(
        agent_log(&world).await.settled.modes(),
        [M::CastaiTokenInvalid]
    );
    world.api.logs().rotate(POD, "agent");
    let kept = agent_log(&world).await;
    assert_eq!(
        kept.settled.modes(),
        [M::CastaiTokenInvalid],
        "incidents survive rotation: {}",
        evidence(&kept)
    );
    write(TOKEN_INVALID);
    let twice = evidence(&agent_log(&world).await);
    assert!(twice.contains("2 times"), "{twice}");
    // The log is followed across a restart, and the last lines of the previous container are read.
    write(
        LINES
            .iter()
            .find(|(mode, _)| *mode == M::AgentPortTaken)
            .unwrap()
            .1,
    );
    world.api.logs().restart(POD, "agent");
    restart_agent(&world, 2, true);
    let check_state = agent_log(&world).await;
    let modes = check_state.latest.as_ref().unwrap().verdict.modes();
    assert_eq!(
        modes,
        [M::CastaiTokenInvalid, M::AgentPortTaken],
        "{}",
        evidence(&check_state)
    );
    write(UPLOADED);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
}

#[tokio::test]
async fn lines_before_container_start_are_ignored() {
    let world = agent_log_only();
    let lasts = r#"time="x" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: a, api error UnauthorizedOperation: You are not authorized to perform this operation.""#;
    world.api.logs().write_ago(POD, "agent", 7_300, lasts);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
    world.api.logs().write_ago(POD, "agent", 7_000, lasts);
    assert_eq!(
        agent_log(&world).await.settled.modes(),
        [M::Ec2DeniedUnspecified],
        "the incident persists"
    );
}

#[tokio::test]
async fn endless_line_is_truncated_and_hides_no_other_line() {
    let world = agent_log_only();
    world
        .api
        .logs()
        .write_ago(POD, "agent", 3, &format!("panic: {}", "x".repeat(30_000)));
    world.api.logs().write_ago(POD, "agent", 2, TOKEN_INVALID);
    let check_state = agent_log(&world).await;
    assert!(
        check_state.settled.modes().contains(&M::CastaiTokenInvalid),
        "{}",
        evidence(&check_state)
    );
    let read = check_state.latest.unwrap().verdict.evidence().to_string();
    assert!(read.len() < 4_096, "{}", read.len());
}

#[tokio::test]
async fn log_read_budget_per_minute_is_enforced() {
    let world = agent_log_only();
    let requests = || {
        let request_log = world.api.service().request_log().requests();
        let limits = request_log
            .iter()
            .filter_map(|request| request.query("limitBytes")?.parse::<usize>().ok());
        limits.collect::<Vec<_>>()
    };
    let noise = format!("time=\"x\" level=info msg=\"{}\"", "noise ".repeat(1_000));
    for _ in 0..8 {
        for _ in 0..20 {
            world.api.logs().write(POD, "agent", &noise);
        }
        agent_log(&world).await;
        world.api.logs().rotate(POD, "agent");
    }
    let requests = requests();
    assert!(
        requests.len() > 3 && requests.iter().sum::<usize>() <= 256 * 1024,
        "{requests:?}"
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
        (root.settled.modes(), root.status()),
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
        (root.settled.modes(), root.status()),
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
        (check_state.settled.modes(), check_state.status()),
        (&[M::Unclassified][..], Status::Warning)
    );
    let text = evidence(&check_state);
    assert!(
        text.contains("cpfw_blocked") && text.contains("control_plane_access"),
        "{text}"
    );
}

#[tokio::test]
async fn missing_log_permission_is_unknown_and_named() {
    let world = LabCluster::start();
    world.api.set(ApiFault::Denied("pods/log".to_owned())).await;
    let check_state = agent_log(&world).await;
    assert_eq!(check_state.status(), Status::Unknown);
    assert_evidence("agent_log_without_permission", &evidence(&check_state));
}

#[tokio::test]
async fn log_flood_is_skipped_to_the_latest_lines() {
    let world = LabCluster::start();
    let noise = format!("time=\"x\" level=info msg=\"{}\"", "noise ".repeat(100));
    for second in 0..400 {
        world
            .api
            .logs()
            .write_ago(POD, "agent", 1000 - second, &noise);
    }
    world.api.logs().write(POD, "agent", TOKEN_INVALID);
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.settled.modes(),
        [M::CastaiTokenInvalid],
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn unclassified_lines_are_counted() {
    let world = LabCluster::start();
    world
        .api
        .logs()
        .write(POD, "agent", "panic: the flux capacitor is empty");
    let check_state = world
        .assert_root(CheckId::AgentLog, M::Unclassified, Status::Warning)
        .await;
    let observations = &check_state.latest.unwrap().observations;
    assert!(
        observations.contains(&Observation::UnclassifiedLines("agent", 1)),
        "{observations:?}"
    );
}

/// A second pod of the agent, on another node.
const SECOND_POD: &str = "castai-agent-6d8f9c7b5-a1b2c";

/// Adds a second agent pod; each pod has a monitor container.
fn add_second_pod(world: &LabCluster) {
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

/// Returns the number of log lines that no rule recognised.
fn unclassified_lines(check_state: &CheckState) -> u64 {
    let observations = &check_state.latest.as_ref().unwrap().observations;
    observations
        .iter()
        .find_map(|fact| {
            if let Observation::UnclassifiedLines("agent", lines) = fact {
                Some(*lines)
            } else {
                None
            }
        })
        .unwrap()
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
        agent_log(&world).await.settled.modes(),
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
async fn unclassified_counter_never_decreases() {
    let world = agent_log_only();
    let mut counted = Vec::new();
    for life in 1..4 {
        world
            .api
            .logs()
            .write(POD, "agent", "panic: the flux capacitor is empty");
        counted.push(unclassified_lines(&agent_log(&world).await));
        world.api.logs().restart(POD, "agent");
        restart_agent(&world, life, true);
        counted.push(unclassified_lines(&agent_log(&world).await));
    }
    assert_eq!(counted, [1, 1, 2, 2, 3, 3]);
}

#[tokio::test]
async fn reload_keeps_unclassified_counter() {
    let mut world = agent_log_only();
    world
        .api
        .logs()
        .write(POD, "agent", "panic: the flux capacitor is empty");
    assert_eq!(unclassified_lines(&agent_log(&world).await), 1);
    world.api.logs().rotate(POD, "agent");
    world.configure();
    assert_eq!(unclassified_lines(&agent_log(&world).await), 1);
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
        check_state.settled.modes(),
        [M::AgentLivenessKilled],
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn noisy_container_does_not_use_up_the_read_budget() {
    let world = agent_log_only();
    add_second_pod(&world);
    let noise = format!("time=\"x\" level=info msg=\"{}\"", "noise ".repeat(1_000));
    let mut heard = 0;
    // The check runs four times a minute.
    for _ in 0..3 {
        for _ in 0..40 {
            for container in ["agent", "monitor"] {
                world.api.logs().write(SECOND_POD, container, &noise);
            }
        }
        world.api.logs().write(POD, "agent", TOKEN_INVALID);
        let text = evidence(&agent_log(&world).await);
        heard += usize::from(text.contains(&format!("{POD}/agent")));
        world.api.logs().clear();
    }
    assert_eq!(heard, 3);
    world.api.logs().write(POD, "agent", TOKEN_INVALID);
    let text = evidence(&agent_log(&world).await);
    assert!(text.contains("4 times"), "{text}");
}

#[tokio::test]
async fn node_clock_skew_does_not_end_incidents() {
    let world = agent_log_only();
    world.api.logs().write_ago(POD, "agent", 300, UPLOADED);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
    world.api.logs().write_ago(POD, "agent", 280, TOKEN_INVALID);
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.settled.modes(),
        [M::CastaiTokenInvalid],
        "{}",
        evidence(&check_state)
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
    world.api.logs().write_ago(POD, "agent", 60, denied);
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.settled.modes(),
        [M::Ec2DeniedIdentityPolicy],
        "ec2_api has not run yet: {}",
        evidence(&check_state)
    );
    // By now EC2 has answered a call.
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
    world.api.logs().write(POD, "agent", denied);
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.settled.modes(),
        [M::Ec2DeniedIdentityPolicy],
        "a later denial is reported: {}",
        evidence(&check_state)
    );
}
