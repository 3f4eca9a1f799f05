//! Tests of `sts_identity` and `ec2_api` beyond the scenarios: number of calls, evidence and
//! secrets.

use std::net::IpAddr;

use castai_health_exporter::catalogue::alert::modes_of;
use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use castai_health_exporter::state::CheckState;
use lab::pki::CertificateKind;
use lab::{Ec2Fault, Pki, RogueServer, StsFault};
use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config as Cases, TestRunner};
use test_support::lab_cluster::{LabCluster, evidence};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const ASKING: [CheckId; 2] = [CheckId::StsIdentity, CheckId::Ec2Api];
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
fn lead_to(world: &mut LabCluster, address: &str) {
    world.set_env("AWS_ENDPOINT_URL_STS", address);
    world.set_env("AWS_ENDPOINT_URL_EC2", address);
}

#[tokio::test]
async fn a_minute_costs_three_calls_and_a_role_is_taken_once_in_ten() {
    let world = LabCluster::with_a_role();
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
        "one connection an attempt"
    );
}

#[tokio::test]
async fn who_the_agent_is_stands_in_the_evidence_and_in_the_report() {
    let world = LabCluster::with_a_role();
    let check_states = world.look().await;
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
async fn a_denial_names_the_caller_and_the_command_that_mends_it() {
    let world = LabCluster::with_a_role();
    world.ec2.set(Ec2Fault::DeniedIdentityPolicy).await;
    let said = evidence(of(&world.look().await, CheckId::Ec2Api));
    for part in [
        ROLE,
        "eu-central-1",
        "UnauthorizedOperation",
        "attach-role-policy --role-name castai-agent",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn a_role_that_trusts_another_is_told_with_what_the_token_says() {
    let mut world = LabCluster::with_a_role();
    world.sts.set(StsFault::TrustDenied).await;
    world.configure();
    let check_states = world.look().await;
    let said = evidence(of(&check_states, CheckId::StsIdentity));
    for part in [
        "arn:aws:iam::123456789012:role/castai-agent",
        "https://oidc.eks.eu-central-1.amazonaws.com/id/LAB",
        "system:serviceaccount:castai-agent:castai-agent",
        "sts.amazonaws.com",
        "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/LAB",
    ] {
        assert!(said.contains(part), "{part}: {said}");
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
async fn a_role_that_was_given_serves_while_sts_is_out_of_reach() {
    let world = LabCluster::with_a_role();
    world.assert_healthy().await;
    world.sts.set(lab::Fault::Refused).await;
    let check_states = world.look().await;
    assert_eq!(
        of(&check_states, CheckId::StsIdentity).settled.modes(),
        [M::NetRefused]
    );
    assert_eq!(of(&check_states, CheckId::Ec2Api).status(), Status::Ok);
}

#[tokio::test]
async fn a_session_that_ended_early_is_not_used_again() {
    let world = LabCluster::with_a_role();
    world.assert_healthy().await;
    world.account.end_sessions();
    let check_states = world.look().await;
    assert_eq!(
        of(&check_states, CheckId::StsIdentity).settled.modes(),
        [M::AwsSessionExpired]
    );
    world.assert_healthy().await;
}

#[tokio::test]
async fn what_an_endpoint_echoes_is_taken_out_of_evidence() {
    let mut world = LabCluster::with_a_role();
    let token = std::fs::read_to_string(world.mounted("aws-token")).unwrap();
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.with_key(
        "AKIALABLABLABLABLAB1",
        "lab/user/secret/access/key/0123456789abc",
    );
    world.set_env("AWS_SESSION_TOKEN", "a-session-token-that-nobody-may-see");
    for source in ["static", "web_identity"] {
        if source == "web_identity" {
            for name in [
                "AWS_ACCESS_KEY_ID",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_SESSION_TOKEN",
            ] {
                world.unset_env(name);
            }
        }
        lead_to(
            &mut world,
            &format!("http://{}", server.local_addr().unwrap()),
        );
        let echo = async {
            loop {
                let Ok((mut stream, _)) = server.accept().await else {
                    continue;
                };
                let mut bytes = vec![0; 16 * 1024];
                let length = stream.read(&mut bytes).await.unwrap_or(0);
                let told = String::from_utf8_lossy(&bytes[..length]).into_owned();
                for chunk in [told.as_str(), &told[told.len() / 2..]] {
                    let body = format!(
                        "<Response><Errors><Error><Code>AuthFailure</Code><Message>{chunk}</Message></Error></Errors></Response>"
                    );
                    let head = format!("HTTP/1.1 401 No\r\ncontent-length: {}\r\n\r\n", body.len());
                    let _ = stream
                        .write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())
                        .await;
                }
            }
        };
        let check_states = tokio::select! { check_states = world.look() => check_states, () = echo => unreachable!() };
        let shown = format!("{check_states:?}");
        let parts: Vec<&str> = token.split('.').collect();
        for secret in [
            "a-session-token",
            "AKIALABLABLABLABLAB1",
            "Signature=0",
            parts[1],
            parts[2],
        ] {
            assert!(!shown.contains(secret), "{secret} is shown with {source}");
        }
    }
}

#[tokio::test]
async fn nothing_secret_is_told_to_who_has_not_proven_to_be_aws() {
    let pki = Pki::new("Nobody's Root");
    let names = || vec!["sts.lab".to_owned(), "ec2.lab".to_owned()];
    let ip = IpAddr::from([127, 0, 66, 1]);
    let rogue = RogueServer::tls(ip, &pki, CertificateKind::Valid, names()).unwrap();
    let mut world = LabCluster::with_a_role();
    let address = format!("https://sts.lab:{}", rogue.addr().port());
    world.dns.add("sts.lab", ip);
    lead_to(&mut world, &address);
    let check_states = world.look().await;
    assert!(!rogue.request_log().connections().is_empty());
    assert_eq!(rogue.received(), b"", "nothing is said inside");
    let sts = of(&check_states, CheckId::StsIdentity);
    assert!(
        sts.settled
            .modes()
            .iter()
            .all(|mode| matches!(mode, M::TlsUnknownAuthority | M::TlsIntercepted)),
        "{}",
        evidence(sts)
    );
}

#[tokio::test]
async fn a_redirect_takes_no_key_along() {
    let rogue = RogueServer::plain(IpAddr::from([127, 0, 66, 2])).unwrap();
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut world = LabCluster::with_a_role();
    lead_to(
        &mut world,
        &format!("http://{}", server.local_addr().unwrap()),
    );
    let answer = format!(
        "HTTP/1.1 307 Go\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n",
        rogue.addr()
    );
    let serve = async {
        loop {
            let Ok((mut stream, _)) = server.accept().await else {
                continue;
            };
            let _ = stream.read(&mut [0; 8192]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    };
    let check_states = tokio::select! { check_states = world.look() => check_states, () = serve => unreachable!() };
    assert_eq!(
        of(&check_states, CheckId::StsIdentity).settled.modes(),
        [M::ProxyBlockPage]
    );
    assert!(rogue.request_log().connections().is_empty());
}

#[tokio::test]
async fn a_proxy_on_the_way_hears_a_name_and_nothing_else() {
    let rogue = RogueServer::plain(IpAddr::from([127, 0, 66, 3])).unwrap();
    let mut world = LabCluster::with_a_role();
    world.env.insert(
        "NO_PROXY".to_owned(),
        "127.0.0.0/8,kubernetes.default.svc,api.cast.lab".to_owned(),
    );
    world.set_env("HTTPS_PROXY", &format!("http://{}", rogue.addr()));
    world.look().await;
    let heard = String::from_utf8(rogue.received()).unwrap();
    assert!(heard.contains("CONNECT sts.lab:"), "{heard}");
    let token = std::fs::read_to_string(world.mounted("aws-token")).unwrap();
    for secret in [
        "AWS4",
        "WebIdentityToken",
        "uthorization",
        token.split('.').nth(1).unwrap(),
    ] {
        assert!(!heard.contains(secret), "{secret} in {heard}");
    }
}

#[tokio::test]
async fn hostile_bytes_of_aws_reach_no_evidence() {
    let mut world = LabCluster::with_a_role();
    world.sts.set(StsFault::Hostile).await;
    world.ec2.set(Ec2Fault::Hostile).await;
    for _ in 0..2 {
        for check_state in world.look().await {
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
fn whatever_aws_answers_is_one_of_its_modes() {
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
            lead_to(&mut world, &format!("http://{}", server.local_addr().unwrap()));
            let serve = async {
                loop {
                    let Ok((mut stream, _)) = server.accept().await else { continue };
                    let _ = stream.read(&mut [0; 8192]).await;
                    let _ = stream.write_all(&answer).await;
                }
            };
            let check_states = tokio::select! { check_states = world.look() => check_states, () = serve => unreachable!() };
            for check in ASKING {
                let check_state = of(&check_states, check);
                let modes = check_state.settled.modes();
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
async fn sts_that_does_not_answer_is_not_asked_twice() {
    let mut world = LabCluster::with_a_role();
    world.sts.set(lab::Fault::HttpHang).await;
    world.configure();
    let check_states = world.look().await;
    assert_eq!(
        of(&check_states, CheckId::StsIdentity).settled.modes(),
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
