//! Tests of `aws_credentials` beyond the scenarios: requests sent, evidence, and secrets.

use castai_health_exporter::catalogue::mode_set::IMDS;
use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Need, Status};
use lab::ImdsFault;
use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config as Cases, TestRunner};
use test_support::lab_cluster::{LabCluster, evidence, standing_of};
use test_support::scenarios::WebIdentity;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const AWS: [CheckId; 3] = [
    CheckId::Imds,
    CheckId::AwsCredentials,
    CheckId::ClusterMetadata,
];

#[tokio::test]
async fn nothing_is_asked_of_instance_metadata_elsewhere() {
    let mut world = LabCluster::start();
    for provider in ["gke", "aks", "kops", "anywhere", "openshift"] {
        world.move_to(provider);
        let check_states = world.look().await;
        for check in [CheckId::Imds, CheckId::AwsCredentials] {
            assert_eq!(
                standing_of(&check_states, check).status(),
                Status::NotApplicable,
                "{check} on {provider}"
            );
        }
        for check in [CheckId::Imds, CheckId::StsIdentity, CheckId::Ec2Api] {
            assert_eq!(
                standing_of(&check_states, check).status(),
                Status::NotApplicable,
                "{check} on {provider}"
            );
            assert_eq!(standing_of(&check_states, check).need, Need::None);
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
async fn nothing_is_asked_when_the_agent_asks_nothing_either() {
    let mut world = LabCluster::start();
    world.set_env("EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED", "false");
    let check_states = world.look().await;
    assert_eq!(
        AWS.map(|check| standing_of(&check_states, check).status()),
        [Status::NotApplicable, Status::NotApplicable, Status::Ok]
    );
    for request_log in [world.sts.request_log(), world.ec2.request_log()] {
        assert!(request_log.connections().is_empty());
    }
    assert!(
        world.imds.request_log().connections().len() == 1,
        "who looks at the control plane needs a key"
    );
    let world = LabCluster::with_a_role();
    let check_states = world.look().await;
    assert_eq!(
        standing_of(&check_states, CheckId::Imds).status(),
        Status::NotApplicable
    );
    assert_eq!(
        standing_of(&check_states, CheckId::AwsCredentials).status(),
        Status::Ok
    );
    // The exporter looks up its own instance once.
    let visits = || world.imds.request_log().connections().len();
    assert_eq!(visits(), 1);
    world.look().await;
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
async fn a_token_is_asked_for_first_and_used_for_the_role() {
    let world = LabCluster::start();
    let check_states = world.look().await;
    let requests = world.imds.request_log().requests();
    let asked: Vec<_> = requests
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
        asked,
        [&role[..], &role[..], &[role[0].clone(), document]].concat()
    );
    assert_eq!(
        world.imds.request_log().connections().len(),
        3,
        "each on one connection"
    );
    let end = standing_of(&check_states, CheckId::AwsCredentials)
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
    assert_eq!(
        standing_of(&check_states, CheckId::Imds).need,
        Need::Feature
    );
}

#[tokio::test]
async fn discovery_needs_instance_metadata_to_start() {
    let world = LabCluster::in_discovery();
    let check_states = world.look().await;
    for check in AWS {
        assert_eq!(
            standing_of(&check_states, check).status(),
            Status::Ok,
            "{}",
            evidence(standing_of(&check_states, check))
        );
        assert_eq!(standing_of(&check_states, check).need, Need::Start);
    }
    assert!(
        evidence(standing_of(&check_states, CheckId::ClusterMetadata))
            .contains("account 123456789012")
    );
    world.imds.set(ImdsFault::Disabled).await;
    let check_states = world.look().await;
    let metadata = standing_of(&check_states, CheckId::ClusterMetadata);
    assert_eq!(metadata.status(), Status::Unknown);
    assert_eq!(evidence(metadata), "blocked by imds: aws_imds_disabled");
}

#[tokio::test]
async fn a_stand_in_without_tokens_is_good_enough_for_the_agent() {
    let world = LabCluster::start();
    world.imds.set(ImdsFault::NoTokens).await;
    world.assert_healthy().await;
}

#[tokio::test]
async fn a_token_that_gets_lost_costs_discovery_time_and_nothing_else() {
    let world = LabCluster::in_discovery();
    world.imds.set(ImdsFault::HopLimit).await;
    let check_states = world.look().await;
    assert_eq!(
        AWS.map(|check| standing_of(&check_states, check).status()),
        [Status::Warning, Status::Ok, Status::Ok]
    );
    assert_eq!(
        standing_of(&check_states, CheckId::Imds).settled.modes(),
        [M::AwsImdsHopLimit]
    );
}

#[tokio::test]
async fn no_key_no_token_and_no_signature_is_shown() {
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
    let mut shown = format!("{:?}", world.look().await);
    world.unset_env("AWS_WEB_IDENTITY_TOKEN_FILE");
    shown = format!("{shown}{:?}", world.look().await);
    world.set_env("AWS_ACCESS_KEY_ID", secrets[0]);
    shown = format!("{shown}{:?}", world.look().await);
    world.set_env("AWS_SECRET_ACCESS_KEY", secrets[1]);
    world.set_env("AWS_SESSION_TOKEN", secrets[2]);
    shown = format!("{shown}{:?}", world.look().await);
    assert!(
        shown.contains("…LAB1"),
        "the end of a key's id tells two keys apart"
    );
    for secret in secrets.into_iter().chain(parts) {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

#[tokio::test]
async fn where_another_sdk_would_go_elsewhere_the_evidence_says_so() {
    let mut world = LabCluster::start();
    world.with_web_identity(WebIdentity::Token("sts.amazonaws.com", -60, 86_000));
    let file = world.mounted("credentials");
    std::fs::write(
        &file,
        "[default]\naws_access_key_id = AKIA\naws_secret_access_key = x\n",
    )
    .unwrap();
    world.set_env("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap());
    let check_states = world.look().await;
    let said = evidence(standing_of(&check_states, CheckId::AwsCredentials));
    assert!(
        said.starts_with("source web_identity: ") && said.contains("would use profile here"),
        "{said}"
    );
}

#[tokio::test]
async fn a_source_that_is_not_examined_is_unknown_and_says_so() {
    let mut world = LabCluster::start();
    let file = world.mounted("config");
    world.set_env("AWS_CONFIG_FILE", file.to_str().unwrap());
    for (text, way) in [
        ("credential_process = /bin/x", "credential_process"),
        ("sso_session = work", "SSO"),
    ] {
        std::fs::write(&file, format!("[default]\n{text}\n")).unwrap();
        let check_states = world.look().await;
        let credentials = standing_of(&check_states, CheckId::AwsCredentials);
        assert_eq!(credentials.status(), Status::Unknown);
        assert!(
            evidence(credentials).contains(way),
            "{}",
            evidence(credentials)
        );
    }
}

#[tokio::test]
async fn hostile_bytes_of_instance_metadata_reach_no_evidence() {
    let world = LabCluster::in_discovery();
    for fault in [ImdsFault::Hostile, ImdsFault::EndlessBody, ImdsFault::Noise] {
        world.imds.set(fault.clone()).await;
        for check_state in world.look().await {
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
fn whatever_instance_metadata_answers_is_one_of_its_modes() {
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
            let check_states = tokio::select! { check_states = world.look() => check_states, () = serve => unreachable!() };
            let imds = standing_of(&check_states, CheckId::Imds);
            assert_eq!(imds.status(), Status::Failing, "{}", evidence(imds));
            assert!(imds.settled.modes().iter().all(|mode| IMDS.contains(mode)));
            assert!(!evidence(imds).chars().any(char::is_control));
        });
        Ok(())
    });
    result.unwrap();
}
