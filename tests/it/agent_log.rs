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

const UPLOADED: &str = r#"time="2026-11-22T13:04:54Z" level=info msg="delta upload finished" full_snapshot=false items=3 response_code=204"#;
const TOKEN_INVALID: &str = r#"time="2026-11-22T13:04:54Z" level=error msg="failed getting agent configuration: request error status_code=401 body={\"message\":\"Unauthorized\"}""#;

/// Returns a lab cluster in which only `agent_log` runs.
fn alone() -> LabCluster {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::AgentLog]);
    world.configure();
    world
}

async fn agent_log(world: &LabCluster) -> CheckState {
    world
        .look()
        .await
        .into_iter()
        .find(|check_state| check_state.check == CheckId::AgentLog)
        .unwrap()
}

/// The agent's container has restarted `times` times, the last time just now. It runs again if
/// `runs`.
fn restarted(world: &LabCluster, times: u32, runs: bool) {
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
async fn every_mode_is_told_and_ends_with_the_container_that_told_it() {
    let mut world = alone();
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
        world.configure_anew();
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
async fn a_trouble_ends_when_it_is_heard_of_no_more() {
    let world = LabCluster::start();
    world.api.logs().write_ago(POD, "agent", 80, TOKEN_INVALID);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
    world.api.logs().write(POD, "agent", TOKEN_INVALID);
    let root = world
        .assert_root(CheckId::AgentLog, M::CastaiTokenInvalid, Status::Failing)
        .await;
    assert!(
        evidence(&root).contains("castai-agent-6d8f9c7b5-x2x4z/agent said at "),
        "{}",
        evidence(&root)
    );
}

#[tokio::test]
async fn what_the_agent_delivers_in_spite_of_is_only_a_warning() {
    let world = LabCluster::start();
    world.api.logs().write_ago(POD, "agent", 30, TOKEN_INVALID);
    world.api.logs().write_ago(POD, "agent", 10, UPLOADED);
    world.api.logs().write_ago(POD, "agent", 5, TOKEN_INVALID);
    world
        .assert_root(CheckId::AgentLog, M::CastaiTokenInvalid, Status::Warning)
        .await;
}

#[tokio::test]
async fn a_crash_loop_is_explained_by_the_container_before() {
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
    restarted(&world, 4, true);
    // `agent_workload` sees the crash loop as well, but not its cause.
    let root = agent_log(&world).await;
    assert_eq!(
        (root.settled.modes(), root.status()),
        (&[M::Ec2DeniedUnspecified][..], Status::Failing)
    );
    assert!(
        evidence(&root).contains("before it ended (exit code 1, Error)"),
        "{}",
        evidence(&root)
    );
    world.api.logs().write(POD, "agent", UPLOADED);
    assert_eq!(
        agent_log(&world).await.status(),
        Status::Ok,
        "it works again"
    );
}

#[tokio::test]
async fn a_log_is_read_on_over_rotations_and_restarts() {
    let world = alone();
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
        "what was read is not forgotten: {}",
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
    restarted(&world, 2, true);
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
async fn lines_from_before_the_containers_start_count_for_nothing() {
    let world = alone();
    let lasts = r#"time="x" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: a, api error UnauthorizedOperation: You are not authorized to perform this operation.""#;
    world.api.logs().write_ago(POD, "agent", 7_300, lasts);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
    world.api.logs().write_ago(POD, "agent", 7_000, lasts);
    assert_eq!(
        agent_log(&world).await.settled.modes(),
        [M::Ec2DeniedUnspecified],
        "it lasts"
    );
}

#[tokio::test]
async fn a_line_without_end_is_cut_and_hides_nothing() {
    let world = alone();
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
async fn no_more_is_read_in_a_minute_than_is_allowed() {
    let world = alone();
    let asked = || {
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
    let asked = asked();
    assert!(
        asked.len() > 3 && asked.iter().sum::<usize>() <= 256 * 1024,
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_single_restart_is_nobodys_fault() {
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
    restarted(&world, 1, true);
    let root = agent_log(&world).await;
    assert_eq!(
        (root.settled.modes(), root.status()),
        (&[M::K8sNoAnswer][..], Status::Warning)
    );
}

#[tokio::test]
async fn what_a_container_said_that_waits_for_its_next_start_still_holds() {
    let world = LabCluster::start();
    world.api.logs().write_ago(POD, "agent", 20, TOKEN_INVALID);
    restarted(&world, 4, false);
    let root = agent_log(&world).await;
    assert_eq!(
        (root.settled.modes(), root.status()),
        (&[M::CastaiTokenInvalid][..], Status::Failing)
    );
}

#[tokio::test]
async fn the_consoles_words_about_the_firewall_lead_to_the_check_that_looks_at_it() {
    let world = LabCluster::start();
    let line = r#"time="x" level=error msg="reconciling: No access to Kubernetes API server, please check your firewall settings""#;
    world.api.logs().write(POD, "agent", line);
    let check_state = agent_log(&world).await;
    assert_eq!(
        (check_state.settled.modes(), check_state.status()),
        (&[M::Unclassified][..], Status::Warning)
    );
    let said = evidence(&check_state);
    assert!(
        said.contains("this indicates cpfw_blocked (check control_plane_access): "),
        "{said}"
    );
}

#[tokio::test]
async fn without_the_right_it_is_unknown_and_names_it() {
    let world = LabCluster::start();
    world.api.set(ApiFault::Denied("pods/log".to_owned())).await;
    let check_state = agent_log(&world).await;
    assert_eq!(check_state.status(), Status::Unknown);
    let right = "is not allowed to get pods/log in namespace castai-agent";
    assert!(
        evidence(&check_state).contains(right),
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn a_flood_of_lines_is_read_in_part_and_the_present_is_reached() {
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
async fn lines_that_no_rule_knows_are_counted() {
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
const SECOND: &str = "castai-agent-6d8f9c7b5-a1b2c";

/// Adds a second agent pod; each pod has a monitor container.
fn two_pods(world: &LabCluster) {
    let labels = json!({ "app.kubernetes.io/name": "castai-agent", "app.kubernetes.io/instance": "castai-agent" });
    let pods = [POD, SECOND].map(|name| {
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
fn unclassified(check_state: &CheckState) -> u64 {
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
async fn each_pod_of_the_agent_is_heard_and_told_by_its_name() {
    let world = alone();
    two_pods(&world);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
    world.api.logs().write(SECOND, "agent", TOKEN_INVALID);
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
    let (modes, said) = (
        check_state.latest.as_ref().unwrap().verdict.modes(),
        evidence(&check_state),
    );
    assert_eq!(
        modes,
        [M::CastaiTokenInvalid, M::AgentLivenessKilled],
        "{said}"
    );
    assert!(
        said.contains(&format!("{SECOND}/agent said"))
            && said.contains(&format!("{POD}/monitor said")),
        "{said}"
    );
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_named_and_hides_no_other() {
    let mut world = alone();
    two_pods(&world);
    for gap in [LogFault::KubeletUnreachable, LogFault::Stalled] {
        for container in ["agent", "monitor"] {
            world.api.logs().set_fault(SECOND, container, false, gap);
        }
        let check_state = agent_log(&world).await;
        let said = evidence(&check_state);
        assert_eq!(check_state.status(), Status::Ok, "{gap:?}: {said}");
        assert!(
            said.contains(&format!("not read: {SECOND}/agent (")),
            "{gap:?}: {said}"
        );
        world.api.logs().write(POD, "agent", TOKEN_INVALID);
        let check_state = agent_log(&world).await;
        let said = evidence(&check_state);
        assert_eq!(
            check_state.latest.as_ref().unwrap().verdict.modes(),
            [M::CastaiTokenInvalid],
            "{gap:?}: {said}"
        );
        assert!(
            said.contains(&format!("not read: {SECOND}/agent (")),
            "{gap:?}: {said}"
        );
        world.api.logs().clear();
        world.api.logs().clear_faults();
        world.configure_anew();
    }
}

#[tokio::test]
async fn where_no_log_can_be_read_it_is_unknown() {
    let world = alone();
    two_pods(&world);
    for (pod, container) in [
        (POD, "agent"),
        (POD, "monitor"),
        (SECOND, "agent"),
        (SECOND, "monitor"),
    ] {
        world
            .api
            .logs()
            .set_fault(pod, container, false, LogFault::KubeletUnreachable);
    }
    let check_state = agent_log(&world).await;
    assert_eq!(check_state.status(), Status::Unknown);
    assert!(
        evidence(&check_state).contains("could not be read: 500"),
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn the_last_words_are_asked_for_again_where_they_could_not_be_read() {
    let world = alone();
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
    restarted(&world, 2, true);
    world
        .api
        .logs()
        .set_fault(POD, "agent", true, LogFault::KubeletUnreachable);
    let check_state = agent_log(&world).await;
    let (modes, said) = (
        check_state.latest.as_ref().unwrap().verdict.modes(),
        evidence(&check_state),
    );
    assert_eq!(
        modes,
        [M::CastaiTokenInvalid],
        "what was heard is kept: {said}"
    );
    world.api.logs().clear_faults();
    let check_state = agent_log(&world).await;
    let (modes, said) = (
        check_state.latest.as_ref().unwrap().verdict.modes(),
        evidence(&check_state),
    );
    assert_eq!(modes, [M::CastaiTokenInvalid, M::AgentPortTaken], "{said}");
}

#[tokio::test]
async fn lines_that_no_rule_knows_never_become_fewer() {
    let world = alone();
    let mut counted = Vec::new();
    for life in 1..4 {
        world
            .api
            .logs()
            .write(POD, "agent", "panic: the flux capacitor is empty");
        counted.push(unclassified(&agent_log(&world).await));
        world.api.logs().restart(POD, "agent");
        restarted(&world, life, true);
        counted.push(unclassified(&agent_log(&world).await));
    }
    assert_eq!(counted, [1, 1, 2, 2, 3, 3]);
}

#[tokio::test]
async fn a_reload_makes_no_counted_line_uncounted() {
    let mut world = alone();
    world
        .api
        .logs()
        .write(POD, "agent", "panic: the flux capacitor is empty");
    assert_eq!(unclassified(&agent_log(&world).await), 1);
    world.api.logs().rotate(POD, "agent");
    world.configure();
    assert_eq!(unclassified(&agent_log(&world).await), 1);
}

#[tokio::test]
async fn a_container_that_starts_before_the_others_is_heard_as_well() {
    let world = alone();
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
        "it is none of those whose log is read"
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
async fn a_container_that_writes_too_much_leaves_room_for_the_others() {
    let world = alone();
    two_pods(&world);
    let noise = format!("time=\"x\" level=info msg=\"{}\"", "noise ".repeat(1_000));
    let mut heard = 0;
    // The check runs four times a minute.
    for _ in 0..3 {
        for _ in 0..40 {
            for container in ["agent", "monitor"] {
                world.api.logs().write(SECOND, container, &noise);
            }
        }
        world.api.logs().write(POD, "agent", TOKEN_INVALID);
        let said = evidence(&agent_log(&world).await);
        heard += usize::from(said.contains(&format!("{POD}/agent said")));
        world.api.logs().clear();
    }
    assert_eq!(heard, 3);
    world.api.logs().write(POD, "agent", TOKEN_INVALID);
    let said = evidence(&agent_log(&world).await);
    assert!(said.contains("4 times"), "{said}");
}

#[tokio::test]
async fn a_clock_of_the_node_that_is_behind_does_not_end_what_is_told() {
    let world = alone();
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
async fn what_ec2_refused_once_is_over_when_ec2_answers_now() {
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
        "nobody has asked yet: {}",
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
        "it is told later: {}",
        evidence(&check_state)
    );
}
