//! Tests of following a log: rotation, long lines, floods and the read budget.

use castai_health_exporter::catalogue::{FailureMode as M, Status};
use lab::apiserver::workload::POD;
use test_support::agent_log_lines::LINES;
use test_support::lab_cluster::{LabCluster, evidence};

use super::pods::{SECOND_POD, add_second_pod};
use super::{TOKEN_INVALID, UPLOADED, agent_log, agent_log_only, restart_agent};

#[tokio::test]
async fn log_is_followed_across_rotation_and_restart() {
    let world = agent_log_only();
    let write = |line: &str| world.api.logs().write(POD, "agent", line);
    write(UPLOADED);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
    write(TOKEN_INVALID);
    assert_eq!(
        agent_log(&world).await.stable_modes.modes(),
        [M::CastaiTokenInvalid]
    );
    world.api.logs().rotate(POD, "agent");
    let kept = agent_log(&world).await;
    assert_eq!(
        kept.stable_modes.modes(),
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
        agent_log(&world).await.stable_modes.modes(),
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
        check_state
            .stable_modes
            .modes()
            .contains(&M::CastaiTokenInvalid),
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
        check_state.stable_modes.modes(),
        [M::CastaiTokenInvalid],
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn noisy_container_does_not_use_up_the_read_budget() {
    let world = agent_log_only();
    add_second_pod(&world);
    let noise = format!("time=\"x\" level=info msg=\"{}\"", "noise ".repeat(1_000));
    let mut reported = 0;
    // The check runs four times a minute.
    for _ in 0..3 {
        for _ in 0..40 {
            for container in ["agent", "monitor"] {
                world.api.logs().write(SECOND_POD, container, &noise);
            }
        }
        world.api.logs().write(POD, "agent", TOKEN_INVALID);
        let text = evidence(&agent_log(&world).await);
        reported += usize::from(text.contains(&format!("{POD}/agent")));
        world.api.logs().clear();
    }
    assert_eq!(reported, 3);
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
        check_state.stable_modes.modes(),
        [M::CastaiTokenInvalid],
        "{}",
        evidence(&check_state)
    );
}
