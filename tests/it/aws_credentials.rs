//! Tests of `aws_credentials` beyond the scenarios: requests sent, evidence, and secrets.

use castai_health_exporter::catalogue::mode_set::IMDS;
use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Need, Status};
use lab::ImdsFault;
use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config as Cases, TestRunner};
use test_support::lab_cluster::{LabCluster, evidence, state_of};
use test_support::scenarios::WebIdentity;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::golden_entries::assert_evidence;

const AWS: [CheckId; 3] = [
    CheckId::Imds,
    CheckId::AwsCredentials,
    CheckId::ClusterMetadata,
];

#[tokio::test]
async fn imds_is_not_queried_outside_aws() {
    let mut world = LabCluster::start();
    for provider in ["gke", "aks", "kops", "anywhere", "openshift"] {
        world.set_provider(provider);
        let check_states = world.run_checks().await;
        for check in [CheckId::Imds, CheckId::AwsCredentials] {
            assert_eq!(
                state_of(&check_states, check).status(),
                Status::NotApplicable,
                "{check} on {provider}"
            );
        }
        for check in [CheckId::Imds, CheckId::StsIdentity, CheckId::Ec2Api] {
            assert_eq!(
                state_of(&check_states, check).status(),
                Status::NotApplicable,
                "{check} on {provider}"
            );
            assert_eq!(state_of(&check_states, check).need, Need::None);
        }
    }
    for request_log in [
        world.imds.request_log(),
        world.sts.request_log(),
        world.ec2.request_log(),
    ] {
        assert!(request_log.connections().is_empty());
    }
}

#[tokio::test]
async fn aws_is_not_called_when_the_agent_does_not() {
    let mut world = LabCluster::start();
    world.set_env("EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED", "false");
    let check_states = world.run_checks().await;
    assert_eq!(
        AWS.map(|check| state_of(&check_states, check).status()),
        [Status::NotApplicable, Status::NotApplicable, Status::Ok]
    );
    for request_log in [world.sts.request_log(), world.ec2.request_log()] {
        assert!(request_log.connections().is_empty());
    }
    assert!(
        world.imds.request_log().connections().len() == 1,
        "control_plane_access needs credentials"
    );
    let world = LabCluster::with_web_identity_role();
    let check_states = world.run_checks().await;
    assert_eq!(
        state_of(&check_states, CheckId::Imds).status(),
        Status::NotApplicable
    );
    assert_eq!(
        state_of(&check_states, CheckId::AwsCredentials).status(),
        Status::Ok
    );
    // The exporter looks up its own instance once.
    let visits = || world.imds.request_log().connections().len();
    assert_eq!(visits(), 1);
    world.run_checks().await;
    assert_eq!(visits(), 1);
    assert!(
        world
            .imds
            .request_log()
            .requests()
            .iter()
            .all(|request| !request.target.contains("/iam/"))
    );
}

#[tokio::test]
async fn imds_token_is_requested_first_and_used_for_the_role() {
    let world = LabCluster::start();
    let check_states = world.run_checks().await;
    let requests = world.imds.request_log().requests();
    let requests: Vec<_> = requests
        .iter()
        .map(|request| format!("{} {}", request.method, request.target))
        .collect();
    let roles = "GET /latest/meta-data/iam/security-credentials/";
    let role = [
        "PUT /latest/api/token".to_owned(),
        roles.to_owned(),
        format!("{roles}lab-node"),
    ];
    let document = "GET /latest/dynamic/instance-identity/document".to_owned();
    // One request to check, one to use, and one to identify the instance.
    assert_eq!(
        requests,
        [&role[..], &role[..], &[role[0].clone(), document]].concat()
    );
    assert_eq!(
        world.imds.request_log().connections().len(),
        3,
        "one connection per request"
    );
    let end = state_of(&check_states, CheckId::AwsCredentials)
        .latest
        .as_ref()
        .unwrap()
        .credentials_expiry
        .unwrap();
    let left = end
        - std::time::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs()
            .cast_signed();
    assert!((21_000..=21_600).contains(&left), "{left} s");
    assert_eq!(state_of(&check_states, CheckId::Imds).need, Need::Feature);
}

#[tokio::test]
async fn discovery_without_imds_fails() {
    let world = LabCluster::in_discovery();
    let check_states = world.run_checks().await;
    for check in AWS {
        assert_eq!(
            state_of(&check_states, check).status(),
            Status::Ok,
            "{}",
            evidence(state_of(&check_states, check))
        );
        assert_eq!(state_of(&check_states, check).need, Need::Start);
    }
    assert!(
        evidence(state_of(&check_states, CheckId::ClusterMetadata))
            .contains("account 123456789012")
    );
    world.imds.set(ImdsFault::Disabled).await;
    let check_states = world.run_checks().await;
    let metadata = state_of(&check_states, CheckId::ClusterMetadata);
    assert_eq!(metadata.status(), Status::Unknown);
    assert_eq!(evidence(metadata), "blocked by imds: aws_imds_disabled");
}

#[tokio::test]
async fn imds_emulator_without_tokens_is_ok() {
    let world = LabCluster::start();
    world.imds.set(ImdsFault::NoTokens).await;
    world.assert_healthy().await;
}

#[tokio::test]
async fn lost_imds_token_response_only_delays_discovery() {
    let world = LabCluster::in_discovery();
    world.imds.set(ImdsFault::HopLimit).await;
    let check_states = world.run_checks().await;
    assert_eq!(
        AWS.map(|check| state_of(&check_states, check).status()),
        [Status::Warning, Status::Ok, Status::Ok]
    );
    assert_eq!(
        state_of(&check_states, CheckId::Imds).stable_modes.modes(),
        [M::AwsImdsHopLimit]
    );
}

#[tokio::test]
async fn keys_tokens_and_signatures_are_redacted() {
    let mut world = LabCluster::start();
    let token = {
        world.with_web_identity(WebIdentity::Token("sts.amazonaws.com", -60, 86_000));
        std::fs::read_to_string(world.mounted("aws-token")).unwrap()
    };
    let parts: Vec<&str> = token.split('.').collect();
    let secrets = [
        "AKIALABLABLABLABLAB1",
        "a-secret-key",
        "a-session",
        lab::imds::IMDS_TOKEN,
        lab::imds::ROLE_SECRET,
    ];
    let mut shown = format!("{:?}", world.run_checks().await);
    world.unset_env("AWS_WEB_IDENTITY_TOKEN_FILE");
    shown = format!("{shown}{:?}", world.run_checks().await);
    world.set_env("AWS_ACCESS_KEY_ID", secrets[0]);
    shown = format!("{shown}{:?}", world.run_checks().await);
    world.set_env("AWS_SECRET_ACCESS_KEY", secrets[1]);
    world.set_env("AWS_SESSION_TOKEN", secrets[2]);
    shown = format!("{shown}{:?}", world.run_checks().await);
    assert!(
        shown.contains("…LAB1"),
        "the end of a key's id tells two keys apart"
    );
    for secret in secrets.into_iter().chain(parts) {
        assert!(!shown.contains(secret), "{secret} is in the output");
    }
}

#[tokio::test]
async fn evidence_names_diverging_credential_source_of_other_sdk() {
    let mut world = LabCluster::start();
    world.with_web_identity(WebIdentity::Token("sts.amazonaws.com", -60, 86_000));
    let file = world.mounted("credentials");
    std::fs::write(
        &file,
        "[default]\naws_access_key_id = AKIA\naws_secret_access_key = x\n",
    )
    .unwrap();
    world.set_env("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap());
    let check_states = world.run_checks().await;
    let evidence = evidence(state_of(&check_states, CheckId::AwsCredentials));
    assert_evidence("web_identity_beside_profile", &evidence);
}

#[tokio::test]
async fn unsupported_credential_source_is_unknown_and_named() {
    let mut world = LabCluster::start();
    let file = world.mounted("config");
    world.set_env("AWS_CONFIG_FILE", file.to_str().unwrap());
    for (text, way) in [
        ("credential_process = /bin/x", "credential_process"),
        ("sso_session = work", "SSO"),
    ] {
        std::fs::write(&file, format!("[default]\n{text}\n")).unwrap();
        let check_states = world.run_checks().await;
        let credentials = state_of(&check_states, CheckId::AwsCredentials);
        assert_eq!(credentials.status(), Status::Unknown);
        assert!(
            evidence(credentials).contains(way),
            "{}",
            evidence(credentials)
        );
    }
}

#[tokio::test]
async fn hostile_imds_responses_do_not_reach_evidence() {
    let world = LabCluster::in_discovery();
    for fault in [ImdsFault::Hostile, ImdsFault::EndlessBody, ImdsFault::Noise] {
        world.imds.set(fault.clone()).await;
        for check_state in world.run_checks().await {
            let shown = evidence(&check_state);
            assert!(
                !shown.chars().any(char::is_control) && shown.len() < 4096,
                "{fault} {}: {shown:?}",
                check_state.check
            );
        }
    }
}

#[test]
fn any_imds_response_maps_to_a_published_mode() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Cases {
        cases: 32,
        ..Cases::default()
    });
    let noise = proptest::collection::vec(any::<u8>(), 1..2048);
    let http = noise.clone().prop_map(|body| {
        [
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n".to_vec(),
            body,
        ]
        .concat()
    });
    let result = runner.run(&proptest::prop_oneof![noise, http], |answer| {
        runtime.block_on(async {
            let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut world = LabCluster::in_discovery();
            let endpoint = format!("http://{}", server.local_addr().unwrap());
            world.set_env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint);
            let serve = async {
                loop {
                    let Ok((mut stream, _)) = server.accept().await else { continue };
                    let _ = stream.read(&mut [0; 1024]).await;
                    let _ = stream.write_all(&answer).await;
                }
            };
            let check_states = tokio::select! { check_states = world.run_checks() => check_states, () = serve => unreachable!() };
            let imds = state_of(&check_states, CheckId::Imds);
            assert_eq!(imds.status(), Status::Failing, "{}", evidence(imds));
            assert!(imds.stable_modes.modes().iter().all(|mode| IMDS.contains(mode)));
            assert!(!evidence(imds).chars().any(char::is_control));
        });
        Ok(())
    });
    result.unwrap();
}
