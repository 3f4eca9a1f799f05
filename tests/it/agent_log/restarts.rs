//! Tests of restarts: which lines explain them, and that what has recovered stays recovered.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use lab::apiserver::workload;
use lab::apiserver::workload::POD;
use lab::{Ec2Fault, StsFault};
use serde_json::json;
use test_support::agent_log_lines::LINES;
use test_support::lab_cluster::{LabCluster, evidence, state_of};

use super::{UPLOADED, agent_log, agent_log_only, restart_agent};

/// STS issues no credentials for the agent's role.
const TRUST_DENIED: &str = r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, RequestID: a, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity""#;

fn line(mode: M) -> &'static str {
    LINES.iter().find(|(of, _)| *of == mode).unwrap().1
}

#[tokio::test]
async fn refuted_incident_stays_over_when_the_check_fails_again_and_after_a_restart() {
    let mut world = LabCluster::start();
    world.only = Some(&[CheckId::AgentLog, CheckId::Ec2Api]);
    world.configure();
    let denied = line(M::Ec2DeniedIdentityPolicy);
    world.api.logs().write_ago(POD, "agent", 60, denied);
    agent_log(&world).await;
    assert_eq!(agent_log(&world).await.status(), Status::Ok, "EC2 answers");
    world.ec2.set(Ec2Fault::Throttled).await;
    for _ in 0..2 {
        let check_state = agent_log(&world).await;
        assert_eq!(
            check_state.status(),
            Status::Ok,
            "{}",
            evidence(&check_state)
        );
    }
    world.api.logs().restart(POD, "agent");
    restart_agent(&world, 1, true);
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.status(),
        Status::Ok,
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn only_lines_that_explain_a_restart_are_reported_after_it() {
    let world = agent_log_only();
    let write = |seconds, mode| {
        world
            .api
            .logs()
            .write_ago(POD, "agent", seconds, line(mode));
    };
    write(600, M::Ec2DeniedIdentityPolicy);
    write(300, M::CastaiServerError);
    write(70, M::NetRefused);
    write(20, M::K8sNoAnswer);
    agent_log(&world).await;
    world.api.logs().restart(POD, "agent");
    restart_agent(&world, 1, true);
    let check_state = agent_log(&world).await;
    let verdict = &check_state.latest.as_ref().unwrap().verdict;
    assert_eq!(
        (verdict.modes(), verdict.status()),
        (vec![M::K8sNoAnswer], Status::Warning),
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn single_restart_after_many_in_the_past_is_tolerated() {
    let world = agent_log_only();
    restart_agent(&world, 6, true);
    world
        .api
        .objects()
        .change("Pod", "castai-agent", POD, |pod| {
            let status = &mut pod["status"]["containerStatuses"][0];
            status["lastState"] = workload::terminated(0, "Completed", 90_000, 80_000);
            status["state"] = json!({ "running": { "startedAt": workload::ago(79_990) } });
        });
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
    let no_answer = line(M::K8sNoAnswer);
    world.api.logs().write_ago(POD, "agent", 20, no_answer);
    world.api.logs().restart(POD, "agent");
    world
        .api
        .objects()
        .change("Pod", "castai-agent", POD, |pod| {
            let status = &mut pod["status"]["containerStatuses"][0];
            status["restartCount"] = json!(7);
            status["lastState"] = workload::terminated(0, "Completed", 79_990, 10);
            status["state"] = json!({ "running": { "startedAt": workload::ago(8) } });
        });
    let check_state = agent_log(&world).await;
    assert_eq!(
        (check_state.stable_modes.modes(), check_state.status()),
        (&[M::K8sNoAnswer][..], Status::Warning),
        "{}",
        evidence(&check_state)
    );
    world.api.logs().write(POD, "agent", UPLOADED);
    assert_eq!(agent_log(&world).await.status(), Status::Ok);
}

#[tokio::test]
async fn reported_event_explains_only_an_exit_that_follows_it() {
    let world = agent_log_only();
    let ago = |seconds: i64| {
        let time = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds);
        time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
    };
    world
        .api
        .objects()
        .change("Pod", "castai-agent", POD, |pod| {
            let mut agent = workload::running("agent", workload::IMAGE);
            agent["restartCount"] = json!(1);
            agent["lastState"] = workload::terminated(0, "Completed", 7000, 60);
            agent["state"] = json!({ "running": { "startedAt": workload::ago(58) } });
            let monitor = workload::running("monitor", workload::IMAGE);
            pod["status"]["containerStatuses"] = json!([agent, monitor]);
        });
    let report = |at: &str| {
        let text = format!(
            r#"time="x" level=error msg="k8s events detected: TYPE:Warning REASON:Unhealthy TIMESTAMP:{at} MESSAGE:Liveness probe failed: HTTP probe failed with statuscode: 503""#
        );
        world.api.logs().write(POD, "monitor", &text);
    };
    for (seconds, why) in [(50, "after the exit"), (8000, "before the run")] {
        report(&ago(seconds));
        let check_state = agent_log(&world).await;
        assert_eq!(
            check_state.status(),
            Status::Ok,
            "{why}: {}",
            evidence(&check_state)
        );
    }
    report(&ago(62));
    let check_state = agent_log(&world).await;
    assert_eq!(
        check_state.stable_modes.modes(),
        [M::AgentUnhealthy],
        "{}",
        evidence(&check_state)
    );
}

#[tokio::test]
async fn complaint_about_credentials_is_verified_with_new_ones() {
    let world = LabCluster::with_web_identity_role();
    world.assert_healthy().await;
    world.sts.set(StsFault::TrustDenied).await;
    world.assert_healthy().await;
    world.api.logs().write(POD, "agent", TRUST_DENIED);
    // The second round knows what the first one read.
    world.run_checks().await;
    let check_states = world.run_checks().await;
    for check in [CheckId::StsIdentity, CheckId::AgentLog] {
        let check_state = state_of(&check_states, check);
        assert_eq!(
            check_state.stable_modes.modes(),
            [M::AwsIrsaTrustDenied],
            "{check}: {}",
            evidence(check_state)
        );
    }
    world.sts.heal().await;
    for _ in 0..2 {
        world.run_checks().await;
    }
    world.assert_healthy().await;
    // Later reports of other failures do not bring it back.
    world.sts.set(StsFault::InternalFailure).await;
    let check_states = world.run_checks().await;
    assert_eq!(
        state_of(&check_states, CheckId::AgentLog).status(),
        Status::Ok
    );
}
