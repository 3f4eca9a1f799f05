//! Tests of EKS Pod Identity, and of what the cluster says about this pod and its service account.

use castai_health_exporter::catalogue::alert::modes_of;
use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use lab::ImdsFault;
use lab::aws::{Account, REGION, ROLE, pod_identity_token};
use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config as Cases, TestRunner};
use test_support::lab_cluster::{LabCluster, evidence, state_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::golden_entries::assert_evidence;

/// Runs the checks and returns the verdict of `aws_credentials`.
async fn credentials(world: &LabCluster) -> (Status, Vec<M>, String) {
    let check_states = world.run_checks().await;
    let check_state = state_of(&check_states, CheckId::AwsCredentials);
    (
        check_state.status(),
        check_state.stable_modes.modes().to_vec(),
        evidence(check_state),
    )
}

/// Returns an agent pod of this version whose service account got its role after the pod was
/// created.
fn with_role_added_after_pod(version: &str) -> LabCluster {
    let world = LabCluster::start();
    world.run_in_agent_pod(version);
    world.annotate(Some(&Account::role_arn(ROLE)));
    world
}

#[tokio::test]
async fn pod_identity_credentials_are_used_and_redacted() {
    let mut world = LabCluster::start();
    world.with_pod_identity(Some(&pod_identity_token()));
    let check_states = world.run_checks().await;
    let text = evidence(state_of(&check_states, CheckId::AwsCredentials));
    assert_evidence("pod_identity_ok", &text);
    let identity = state_of(&check_states, CheckId::StsIdentity);
    assert!(
        evidence(identity).contains(":assumed-role/castai-agent/eks-lab-"),
        "{}",
        evidence(identity)
    );
    for check in [
        CheckId::AwsCredentials,
        CheckId::StsIdentity,
        CheckId::Ec2Api,
    ] {
        assert_eq!(
            state_of(&check_states, check).status(),
            Status::Ok,
            "{check}: {}",
            evidence(state_of(&check_states, check))
        );
    }
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
    let shown = format!("{check_states:?}");
    let token = pod_identity_token();
    for secret in world
        .pod_identity
        .issued()
        .iter()
        .map(String::as_str)
        .chain(token.rsplit('.').take(1))
    {
        assert!(!shown.contains(secret), "{secret} is in the output");
    }
    assert!(!world.pod_identity.issued().is_empty());
}

#[tokio::test]
async fn pod_identity_is_called_once_with_token_and_without_proxy() {
    let mut world = LabCluster::start();
    world.with_pod_identity(Some(&pod_identity_token()));
    world.set_env(
        "HTTP_PROXY",
        &format!("http://proxy.lab:{}", world.proxy.addr().port()),
    );
    let (status, _, text) = credentials(&world).await;
    assert_eq!(status, Status::Ok, "{text}");
    let requests = world.pod_identity.request_log().requests();
    let tokens: Vec<_> = requests
        .iter()
        .map(|request| request.header("authorization").is_some())
        .collect();
    // One request by the check, one by the clients that sign with the credentials.
    assert_eq!(tokens, [true, true]);
    assert!(world.proxy.request_log().connections().is_empty());
}

#[tokio::test]
async fn old_agent_sdk_uses_loopback_but_not_pod_identity() {
    let mut world = LabCluster::start();
    world.run_in_agent_pod("v0.93.0");
    world.with_pod_identity(Some(&pod_identity_token()));
    world.set_env(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "http://[fd00:ec2::23]/v1/credentials",
    );
    let (_, modes, text) = credentials(&world).await;
    assert_eq!(modes, [M::AwsPodIdentityUnsupportedByAgentSdk], "{text}");
    assert!(text.contains("agent v0.93.0"), "{text}");
    // The version that the cluster reports overrides the configured one.
    world.file.push_str("  version: v0.123.1\n");
    world.configure();
    assert_eq!(
        credentials(&world).await.1,
        [M::AwsPodIdentityUnsupportedByAgentSdk]
    );
    world.set_env(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        &world.pod_identity.uri(),
    );
    assert_eq!(credentials(&world).await.0, Status::Ok);
}

#[tokio::test]
async fn unreadable_service_account_is_noted_with_the_missing_permission() {
    let world = with_role_added_after_pod("v0.123.1");
    world.api.deny(&["serviceaccounts"]);
    let (status, modes, text) = credentials(&world).await;
    assert_eq!((status, modes), (Status::Ok, Vec::new()), "{text}");
    assert!(text.contains("serviceaccounts/castai-agent"), "{text}");
    assert_evidence("pod_identity_without_service_account_permission", &text);
    world.api.deny(&["pods"]);
    let (status, modes, text) = credentials(&world).await;
    assert_eq!(
        (status, modes),
        (Status::Failing, vec![M::AwsIrsaNotInjected]),
        "{text}"
    );
    assert!(text.contains("rollout restart"), "{text}");
}

#[tokio::test]
async fn missing_injection_is_explained_from_the_pod() {
    let world = with_role_added_after_pod("v0.123.1");
    let pod = |skipped: &str, container: serde_json::Value| {
        serde_json::json!({
            "metadata": { "annotations": { "eks.amazonaws.com/skip-containers": skipped } },
            "spec": { "containers": [container] },
        })
    };
    world.has_pod(&pod(
        "monitor,agent",
        serde_json::json!({ "name": "agent", "image": "agent:v0.123.1" }),
    ));
    let (_, modes, text) = credentials(&world).await;
    assert_eq!(modes, [M::AwsIrsaNotInjected], "{text}");
    assert_evidence("web_identity_skip_containers", &text);

    let given = serde_json::json!({ "name": "agent", "env": [{ "name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/t" }] });
    world.has_pod(&pod("", given));
    let (status, _, text) = credentials(&world).await;
    assert_eq!(status, Status::Unknown, "{text}");
    assert_evidence("web_identity_not_in_exporter_container", &text);

    world.has_pod(&pod("", serde_json::json!({ "name": "exporter" })));
    let (status, modes, text) = credentials(&world).await;
    assert_eq!((status, modes), (Status::Ok, Vec::new()), "{text}");
    assert_evidence("web_identity_in_other_pod", &text);
}

#[tokio::test]
async fn instance_id_falls_back_to_node_provider_id_without_imds() {
    let mut world = LabCluster::with_web_identity_role();
    world.imds.set(ImdsFault::HopLimitRequired).await;
    let ec2 = async |world: &LabCluster| {
        let check_states = world.run_checks().await;
        let check_state = state_of(&check_states, CheckId::Ec2Api);
        (
            check_state.status(),
            check_state.stable_modes.modes().to_vec(),
            evidence(check_state),
        )
    };
    let (status, _, text) = ec2(&world).await;
    assert_eq!(status, Status::Ok);
    assert_evidence("ec2_api_without_instance_id", &text);

    world.run_in_agent_pod("v0.123.1");
    world.has_node(REGION);
    let (status, _, text) = ec2(&world).await;
    assert_eq!(status, Status::Ok);
    assert_evidence("ec2_api_with_instance_id_of_node", &text);

    world.account.set_instances(Vec::new());
    let (_, modes, text) = ec2(&world).await;
    assert_eq!(modes, [M::Ec2InstanceNotVisible], "{text}");

    // A pod never moves to another node, so this represents a new pod.
    world.has_node("ap-southeast-2");
    world.configure();
    let (.., text) = ec2(&world).await;
    assert!(text.contains("ap-southeast-2"), "{text}");

    world.api.deny(&["nodes"]);
    world.configure();
    let (status, _, text) = ec2(&world).await;
    assert_eq!(status, Status::Ok);
    assert_evidence("ec2_api_without_node_permission", &text);
}

#[tokio::test]
async fn kubernetes_api_is_not_read_without_a_service_account_token() {
    let world = LabCluster::start();
    world.annotate(Some(&Account::role_arn(ROLE)));
    assert_eq!(credentials(&world).await.0, Status::Ok);
    let requests = world.api.service().request_log().requests();
    // Log requests belong to `agent_log`.
    let of_the_own_pod = |target: &str| target.contains("/pods/") && !target.contains("/log?");
    let requests = requests
        .iter()
        .find(|one| one.target.contains("/serviceaccounts/") || of_the_own_pod(&one.target));
    assert!(requests.is_none(), "{requests:?}");
}

#[test]
fn any_credentials_response_maps_to_a_published_mode() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Cases {
        cases: 24,
        ..Cases::default()
    });
    let noise = proptest::collection::vec(any::<u8>(), 1..1024);
    let status =
        proptest::sample::select(vec![200_u16, 204, 302, 400, 401, 403, 404, 429, 500, 503]);
    let http = (status, noise.clone()).prop_map(|(status, body)| {
        [
            format!("HTTP/1.1 {status} X\r\ncontent-type: text/plain\r\n\r\n").into_bytes(),
            body,
        ]
        .concat()
    });
    let result = runner.run(&proptest::prop_oneof![noise, http], |answer| {
        runtime.block_on(async {
            let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut world = LabCluster::start();
            world.with_pod_identity(Some(&pod_identity_token()));
            let uri = format!("http://{}/v1/credentials", server.local_addr().unwrap());
            world.set_env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri);
            let serve = async {
                loop {
                    let Ok((mut stream, _)) = server.accept().await else {
                        continue;
                    };
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(&answer).await;
                }
            };
            let (status, modes, text) =
                tokio::select! { seen = credentials(&world) => seen, () = serve => unreachable!() };
            assert!(
                matches!(status, Status::Failing | Status::Warning),
                "{text}"
            );
            assert!(
                modes
                    .iter()
                    .all(|mode| modes_of(CheckId::AwsCredentials).any(|of| of == *mode)),
                "{modes:?}"
            );
            assert!(!text.chars().any(char::is_control), "{text:?}");
        });
        Ok(())
    });
    result.unwrap();
}
