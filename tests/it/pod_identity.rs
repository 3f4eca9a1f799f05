//! Tests of EKS Pod Identity, and of what the cluster says about this pod and its service account.

use castai_health_exporter::catalogue::alert::modes_of;
use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use lab::ImdsFault;
use lab::aws::{Account, REGION, ROLE, pod_identity_token};
use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config as Cases, TestRunner};
use test_support::lab_cluster::{LabCluster, evidence, standing_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Runs the checks and returns the verdict of `aws_credentials`.
async fn credentials(world: &LabCluster) -> (Status, Vec<M>, String) {
    let check_states = world.look().await;
    let check_state = standing_of(&check_states, CheckId::AwsCredentials);
    (
        check_state.status(),
        check_state.settled.modes().to_vec(),
        evidence(check_state),
    )
}

/// Returns an agent pod of this version whose service account got its role after the pod was
/// created.
fn with_a_late_role(version: &str) -> LabCluster {
    let world = LabCluster::start();
    world.in_the_agents_pod(version);
    world.annotate(Some(&Account::role_arn(ROLE)));
    world
}

#[tokio::test]
async fn what_pod_identity_gives_is_used_and_never_shown() {
    let mut world = LabCluster::start();
    world.with_pod_identity(Some(&pod_identity_token()));
    let check_states = world.look().await;
    let said = evidence(standing_of(&check_states, CheckId::AwsCredentials));
    assert!(
        said.starts_with("source container: ") && said.contains(" gives the key …"),
        "{said}"
    );
    let identity = standing_of(&check_states, CheckId::StsIdentity);
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
            standing_of(&check_states, check).status(),
            Status::Ok,
            "{check}: {}",
            evidence(standing_of(&check_states, check))
        );
    }
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
    let shown = format!("{check_states:?}");
    let token = pod_identity_token();
    for secret in world
        .pod_identity
        .issued()
        .iter()
        .map(String::as_str)
        .chain(token.rsplit('.').take(1))
    {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
    assert!(!world.pod_identity.issued().is_empty());
}

#[tokio::test]
async fn pod_identity_is_asked_once_with_its_token_and_by_no_proxy() {
    let mut world = LabCluster::start();
    world.with_pod_identity(Some(&pod_identity_token()));
    world.set_env(
        "HTTP_PROXY",
        &format!("http://proxy.lab:{}", world.proxy.addr().port()),
    );
    let (status, _, said) = credentials(&world).await;
    assert_eq!(status, Status::Ok, "{said}");
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
async fn an_old_agent_takes_credentials_from_loopback_and_not_from_pod_identity() {
    let mut world = LabCluster::start();
    world.in_the_agents_pod("v0.93.0");
    world.with_pod_identity(Some(&pod_identity_token()));
    world.set_env(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "http://[fd00:ec2::23]/v1/credentials",
    );
    let (_, modes, said) = credentials(&world).await;
    assert_eq!(modes, [M::AwsPodIdentityUnsupportedByAgentSdk], "{said}");
    assert!(said.contains("the agent v0.93.0"), "{said}");
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
async fn a_service_account_that_may_not_be_read_is_a_remark_that_names_the_right() {
    let world = with_a_late_role("v0.123.1");
    world.api.deny(&["serviceaccounts"]);
    let (status, modes, said) = credentials(&world).await;
    assert_eq!((status, modes), (Status::Ok, Vec::new()), "{said}");
    let right = "is not allowed to get serviceaccounts/castai-agent in namespace castai-agent";
    assert!(
        said.contains("whether the agent's service account has a role annotation is unknown")
            && said.contains(right),
        "{said}"
    );
    world.api.deny(&["pods"]);
    let (status, modes, said) = credentials(&world).await;
    assert_eq!(
        (status, modes),
        (Status::Failing, vec![M::AwsIrsaNotInjected]),
        "{said}"
    );
    assert!(said.contains("rollout restart"), "{said}");
}

#[tokio::test]
async fn the_pod_tells_why_it_was_not_given_the_role() {
    let world = with_a_late_role("v0.123.1");
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
    let (_, modes, said) = credentials(&world).await;
    assert_eq!(modes, [M::AwsIrsaNotInjected], "{said}");
    assert!(
        said.contains("skip-containers leaves the agent's container out"),
        "{said}"
    );

    let given = serde_json::json!({ "name": "agent", "env": [{ "name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/t" }] });
    world.has_pod(&pod("", given));
    let (status, _, said) = credentials(&world).await;
    assert_eq!(status, Status::Unknown, "{said}");
    assert!(said.contains("the exporter's container does not"), "{said}");

    world.has_pod(&pod("", serde_json::json!({ "name": "exporter" })));
    let (status, modes, said) = credentials(&world).await;
    assert_eq!((status, modes), (Status::Ok, Vec::new()), "{said}");
    assert!(said.contains("because it is not the agent's"), "{said}");
}

#[tokio::test]
async fn where_metadata_is_out_of_reach_the_node_tells_which_instance_ec2_should_show() {
    let mut world = LabCluster::with_a_role();
    world.imds.set(ImdsFault::HopLimitRequired).await;
    let ec2 = async |world: &LabCluster| {
        let check_states = world.look().await;
        let check_state = standing_of(&check_states, CheckId::Ec2Api);
        (
            check_state.status(),
            check_state.settled.modes().to_vec(),
            evidence(check_state),
        )
    };
    let (status, _, said) = ec2(&world).await;
    assert!(
        status == Status::Ok
            && said.contains("neither instance metadata nor the node's providerID"),
        "{said}"
    );

    world.in_the_agents_pod("v0.123.1");
    world.has_node(REGION);
    let (status, _, said) = ec2(&world).await;
    assert!(
        status == Status::Ok && said.contains("and sees this node's instance"),
        "{said}"
    );

    world.account.set_instances(Vec::new());
    let (_, modes, said) = ec2(&world).await;
    assert_eq!(modes, [M::Ec2InstanceNotVisible], "{said}");

    // A pod never moves to another node, so this stands for a new pod.
    world.has_node("ap-southeast-2");
    world.configure();
    let (.., said) = ec2(&world).await;
    assert!(said.contains("which is in ap-southeast-2"), "{said}");

    world.api.deny(&["nodes"]);
    world.configure();
    let (status, _, said) = ec2(&world).await;
    assert!(
        status == Status::Ok && said.contains("nor the node's providerID"),
        "{said}"
    );
}

#[tokio::test]
async fn nothing_is_read_of_the_cluster_without_a_service_accounts_token() {
    let world = LabCluster::start();
    world.annotate(Some(&Account::role_arn(ROLE)));
    assert_eq!(credentials(&world).await.0, Status::Ok);
    let requests = world.api.service().request_log().requests();
    // Log requests belong to `agent_log`.
    let of_the_own_pod = |target: &str| target.contains("/pods/") && !target.contains("/log?");
    let asked = requests
        .iter()
        .find(|one| one.target.contains("/serviceaccounts/") || of_the_own_pod(&one.target));
    assert!(asked.is_none(), "{asked:?}");
}

#[test]
fn whatever_a_server_of_credentials_answers_is_one_of_the_checks_modes() {
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
            let (status, modes, said) =
                tokio::select! { seen = credentials(&world) => seen, () = serve => unreachable!() };
            assert!(
                matches!(status, Status::Failing | Status::Warning),
                "{said}"
            );
            assert!(
                modes
                    .iter()
                    .all(|mode| modes_of(CheckId::AwsCredentials).any(|of| of == *mode)),
                "{modes:?}"
            );
            assert!(!said.chars().any(char::is_control), "{said:?}");
        });
        Ok(())
    });
    result.unwrap();
}
