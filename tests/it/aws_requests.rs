//! Tests of `sts_identity` and `ec2_api` beyond the scenarios: number of calls, evidence and
//! secrets.

mod credential_leaks;

use castai_health_exporter::catalogue::alert::modes_of;
use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::state::CheckState;
use lab::{AgentFault, Ec2Fault, StsFault};
use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config as Cases, TestRunner};
use test_support::lab_cluster::{LabCluster, commands, evidence, remedy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const AWS_CHECKS: [CheckId; 2] = [CheckId::StsIdentity, CheckId::Ec2Api];
const ROLE: &str = "arn:aws:sts::123456789012:assumed-role/castai-agent/";

fn of(check_states: &[CheckState], check: CheckId) -> &CheckState {
    check_states
        .iter()
        .find(|check_state| check_state.check == check)
        .unwrap()
}

/// Returns the actions requested from a server.
fn actions(request_log: &lab::RequestLog) -> Vec<String> {
    let action = |body: &[u8]| {
        let text = String::from_utf8_lossy(body).into_owned();
        text.split('&')
            .find_map(|pair| pair.strip_prefix("Action=").map(str::to_owned))
            .unwrap_or_default()
    };
    request_log
        .requests()
        .iter()
        .map(|request| action(&request.body))
        .collect()
}

/// Sends STS and EC2 requests to this address over plain HTTP.
fn send_aws_to(world: &mut LabCluster, address: &str) {
    world.set_env("AWS_ENDPOINT_URL_STS", address);
    world.set_env("AWS_ENDPOINT_URL_EC2", address);
}

#[tokio::test]
async fn makes_three_aws_calls_a_minute_and_assumes_the_role_every_ten() {
    let world = LabCluster::with_web_identity_role();
    world.assert_healthy().await;
    world.assert_healthy().await;
    let sts = [
        "AssumeRoleWithWebIdentity",
        "GetCallerIdentity",
        "GetCallerIdentity",
    ];
    assert_eq!(actions(world.sts.request_log()), sts);
    assert_eq!(actions(world.ec2.request_log()), ["DescribeInstances"; 4]);
    assert_eq!(
        world.ec2.request_log().connections().len(),
        2,
        "one connection per attempt"
    );
}

#[tokio::test]
async fn identity_arn_is_in_evidence_and_report() {
    let world = LabCluster::with_web_identity_role();
    let check_states = world.run_checks().await;
    let sts = of(&check_states, CheckId::StsIdentity);
    assert!(evidence(sts).contains(ROLE), "{}", evidence(sts));
    let report = sts.latest.as_ref().unwrap();
    let identity = report.identity.as_ref().unwrap();
    assert_eq!(
        (identity.account.as_str(), identity.role.as_str()),
        ("123456789012", "castai-agent")
    );
    assert_eq!(identity.source, "web_identity");
    assert!(
        report.credentials_expiry.is_some() && report.dates.iter().any(|date| date.source == "sts")
    );
    let ec2 = evidence(of(&check_states, CheckId::Ec2Api));
    assert!(
        ec2.contains(ROLE) && ec2.contains("i-0123456789abcdef0"),
        "{ec2}"
    );
}

#[tokio::test]
async fn denied_ec2_names_the_caller_and_the_policy_command() {
    let world = LabCluster::with_web_identity_role();
    world.ec2.set(Ec2Fault::DeniedIdentityPolicy).await;
    let check_states = world.run_checks().await;
    let ec2 = of(&check_states, CheckId::Ec2Api);
    let text = evidence(ec2);
    for part in [ROLE, "eu-central-1", "UnauthorizedOperation"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let attach = "aws iam attach-role-policy --role-name castai-agent --policy-arn \
                  arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess";
    assert_eq!(commands(ec2), [attach]);
}

#[tokio::test]
async fn trust_policy_denial_names_the_token_claims() {
    let mut world = LabCluster::with_web_identity_role();
    world.sts.set(StsFault::TrustDenied).await;
    world.configure();
    let check_states = world.run_checks().await;
    let sts = of(&check_states, CheckId::StsIdentity);
    let fix = remedy(sts);
    let provider =
        "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/LAB";
    assert!(fix.as_str().contains(provider), "{fix}");
    let show = "aws iam get-role --role-name castai-agent --query Role.AssumeRolePolicyDocument";
    assert_eq!(commands(sts), [show]);
    let text = evidence(sts);
    for part in [
        "arn:aws:iam::123456789012:role/castai-agent",
        "https://oidc.eks.eu-central-1.amazonaws.com/id/LAB",
        "system:serviceaccount:castai-agent:castai-agent",
        "sts.amazonaws.com",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let ec2 = of(&check_states, CheckId::Ec2Api);
    assert_eq!(ec2.status(), Status::Unknown);
    assert_eq!(
        evidence(ec2),
        "blocked by sts_identity: aws_irsa_trust_denied"
    );
    assert!(world.ec2.request_log().connections().is_empty());
}

#[tokio::test]
async fn cached_role_credentials_are_used_while_sts_is_unreachable() {
    let world = LabCluster::with_web_identity_role();
    world.assert_healthy().await;
    world.sts.set(lab::Fault::Refused).await;
    let check_states = world.run_checks().await;
    assert_eq!(
        of(&check_states, CheckId::StsIdentity).stable_modes.modes(),
        [M::NetRefused]
    );
    assert_eq!(of(&check_states, CheckId::Ec2Api).status(), Status::Ok);
}

#[tokio::test]
async fn new_credentials_are_requested_while_the_agent_or_ec2_fails() {
    for agent_fails in [true, false] {
        let mut world = LabCluster::with_web_identity_role();
        // A sidecar beside a companion does not read the agent's log.
        world.file.insert_str(0, "scope: pod\n");
        world.configure();
        world.assert_healthy().await;
        world.sts.set(StsFault::TrustDenied).await;
        let modes = async || {
            let check_states = world.run_checks().await;
            of(&check_states, CheckId::StsIdentity)
                .stable_modes
                .modes()
                .to_vec()
        };
        assert_eq!(
            modes().await,
            [],
            "nothing shows that cached credentials are outdated"
        );
        if agent_fails {
            world.agent.set(AgentFault::Overdue).await;
        } else {
            world.ec2.set(Ec2Fault::AuthFailure).await;
        }
        // The first round shows the failure, the second one what STS says about it.
        modes().await;
        assert_eq!(modes().await, [M::AwsIrsaTrustDenied], "{agent_fails}");
    }
}

#[tokio::test]
async fn expired_session_is_not_reused() {
    let world = LabCluster::with_web_identity_role();
    world.assert_healthy().await;
    world.account.end_sessions();
    let check_states = world.run_checks().await;
    assert_eq!(
        of(&check_states, CheckId::StsIdentity).stable_modes.modes(),
        [M::AwsSessionExpired]
    );
    world.assert_healthy().await;
}

#[tokio::test]
async fn hostile_aws_responses_do_not_reach_evidence() {
    let mut world = LabCluster::with_web_identity_role();
    world.sts.set(StsFault::Hostile).await;
    world.ec2.set(Ec2Fault::Hostile).await;
    for _ in 0..2 {
        for check_state in world.run_checks().await {
            let shown = evidence(&check_state);
            assert!(
                !shown.chars().any(char::is_control) && shown.len() < 4096,
                "{}: {shown:?}",
                check_state.check
            );
        }
        world.sts.heal().await;
        world.configure();
    }
}

#[test]
fn any_aws_response_maps_to_a_published_mode() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Cases {
        cases: 24,
        ..Cases::default()
    });
    let noise = proptest::collection::vec(any::<u8>(), 1..2048);
    let http = |status: u16, noise: Vec<u8>| {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\n\r\n").into_bytes();
        [head, noise].concat()
    };
    let bodies = noise.clone().prop_flat_map(move |body| {
        proptest::sample::select(vec![200_u16, 301, 400, 403, 412, 500, 503])
            .prop_map(move |status| http(status, body.clone()))
    });
    let nested = (1_usize..4000)
        .prop_map(move |depth| http(200, format!("<a>{}", "<b>".repeat(depth)).into_bytes()));
    let result = runner.run(&proptest::prop_oneof![noise, bodies, nested], |answer| {
        runtime.block_on(async {
            let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut world = LabCluster::start();
            send_aws_to(&mut world, &format!("http://{}", server.local_addr().unwrap()));
            let serve = async {
                loop {
                    let Ok((mut stream, _)) = server.accept().await else { continue };
                    let _ = stream.read(&mut [0; 8192]).await;
                    let _ = stream.write_all(&answer).await;
                }
            };
            let check_states = tokio::select! { check_states = world.run_checks() => check_states, () = serve => unreachable!() };
            for check in AWS_CHECKS {
                let check_state = of(&check_states, check);
                let modes = check_state.stable_modes.modes();
                assert!(!modes.is_empty(), "{check} is {}: {}", check_state.status(), evidence(check_state));
                assert!(modes.iter().all(|mode| modes_of(check).any(|of| of == *mode)), "{check}: {modes:?}");
                assert!(!evidence(check_state).chars().any(char::is_control));
            }
        });
        Ok(())
    });
    result.unwrap();
}

#[tokio::test]
async fn unresponsive_sts_is_called_once_per_attempt() {
    let mut world = LabCluster::with_web_identity_role();
    world.sts.set(lab::Fault::HttpHang).await;
    world.configure();
    let check_states = world.run_checks().await;
    assert_eq!(
        of(&check_states, CheckId::StsIdentity).stable_modes.modes(),
        [M::HttpTimeout]
    );
    let ec2 = of(&check_states, CheckId::Ec2Api);
    assert_eq!(ec2.status(), Status::Unknown);
    assert!(
        evidence(ec2).contains("see sts_identity"),
        "{}",
        evidence(ec2)
    );
    assert_eq!(
        actions(world.sts.request_log()),
        ["AssumeRoleWithWebIdentity"]
    );
}
