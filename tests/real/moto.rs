//! Tests of AWS requests with moto: real signatures and real policies.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use test_support::lab_cluster::{LabCluster, commands, evidence, state_of};

use crate::support::moto::{ACCOUNT, Key, Moto};

/// Parameters of `DescribeInstances` as a dry run.
const DRY_RUN_PARAMETERS: &[(&str, &str)] = &[
    ("Action", "DescribeInstances"),
    ("Version", "2016-11-15"),
    ("DryRun", "true"),
];
/// Parameters of `GetCallerIdentity`.
const CALLER_IDENTITY_PARAMETERS: &[(&str, &str)] =
    &[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];

#[tokio::test]
async fn moto_verifies_signatures_and_evaluates_policies() {
    let moto = Moto::start().await.unwrap();
    let key = moto.add_user("castai-agent").await.unwrap();
    let dry = async |key: &Key| moto.ask("ec2", key, DRY_RUN_PARAMETERS).await.unwrap();
    let who = moto
        .ask("sts", &key, CALLER_IDENTITY_PARAMETERS)
        .await
        .unwrap();
    let arn = format!("<Arn>arn:aws:iam::{ACCOUNT}:user/castai-agent</Arn>");
    assert!(
        who.status == 200 && who.body.contains(&arn),
        "{} {}",
        who.status,
        who.body
    );

    let seen = dry(&key).await;
    assert!(
        seen.status == 403 && seen.body.contains("not authorized to perform"),
        "{}",
        seen.body
    );
    moto.set_policy("castai-agent", Some("Allow"), "ec2:DescribeInstances")
        .await
        .unwrap();
    let seen = dry(&key).await;
    assert!(
        seen.status == 412 && seen.body.contains("DryRunOperation"),
        "{}",
        seen.body
    );
    moto.set_policy("castai-agent", Some("Deny"), "ec2:*")
        .await
        .unwrap();
    assert_eq!(dry(&key).await.status, 403);
    moto.set_policy("castai-agent", None, "").await.unwrap();
    assert_eq!(dry(&key).await.status, 403);

    let wrong = Key {
        secret: "another".to_owned(),
        ..key.clone()
    };
    assert!(dry(&wrong).await.body.contains("AuthFailure"));
    let unknown = Key {
        id: "AKIAUNKNOWN".to_owned(),
        ..key
    };
    let who = moto
        .ask("sts", &unknown, CALLER_IDENTITY_PARAMETERS)
        .await
        .unwrap();
    assert!(who.body.contains("InvalidClientTokenId"), "{}", who.body);
}

#[tokio::test]
async fn control_plane_access_needs_a_policy_and_is_unknown_without() {
    let moto = Moto::start().await.unwrap();
    let key = moto.add_user("castai-agent").await.unwrap();
    moto.add_cluster("lab", &["203.0.113.0/24"]).await.unwrap();
    moto.add_cluster("open", &["0.0.0.0/0"]).await.unwrap();
    let mut world = LabCluster::start();
    for variable in [
        "AWS_ENDPOINT_URL_STS",
        "AWS_ENDPOINT_URL_EC2",
        "AWS_ENDPOINT_URL_EKS",
    ] {
        world.set_env(variable, &moto.url());
    }
    world.only = Some(&[CheckId::ControlPlaneAccess]);
    world.set_env("AWS_EC2_METADATA_DISABLED", "true");
    world.with_key(&key.id, &key.secret);
    let seen = async |world: &LabCluster| {
        let check_states = world.run_checks().await;
        let check_state = state_of(&check_states, CheckId::ControlPlaneAccess);
        (
            check_state.status(),
            check_state.stable_modes.modes().to_vec(),
            evidence(check_state),
        )
    };
    let (status, modes, evidence) = seen(&world).await;
    assert!(
        status == Status::Unknown
            && modes.is_empty()
            && evidence.contains("allow eks:DescribeCluster"),
        "{evidence}"
    );
    moto.set_policy("castai-agent", Some("Allow"), "eks:DescribeCluster")
        .await
        .unwrap();
    let (status, modes, evidence) = seen(&world).await;
    assert_eq!(
        (status, modes),
        (Status::Failing, vec![M::CpfwBlocked]),
        "{evidence}"
    );
    let check_states = world.run_checks().await;
    let commands = commands(state_of(&check_states, CheckId::ControlPlaneAccess));
    let allows =
        |command: &String| command.contains("publicAccessCidrs=203.0.113.0/24,35.221.40.21/32");
    assert!(commands.iter().any(allows), "{commands:?}");
    world.set_env("EKS_CLUSTER_NAME", "open");
    assert_eq!(seen(&world).await.0, Status::Ok);
    world.set_env("EKS_CLUSTER_NAME", "unknown");
    let (status, modes, evidence) = seen(&world).await;
    assert!(
        status == Status::Unknown
            && modes.is_empty()
            && evidence.contains("cluster unknown does not exist"),
        "{evidence}"
    );
    world.set_env("EKS_CLUSTER_NAME", "lab");
    moto.set_policy("castai-agent", Some("Deny"), "eks:*")
        .await
        .unwrap();
    let (status, _, evidence) = seen(&world).await;
    assert!(
        status == Status::Unknown && evidence.contains("allow eks:DescribeCluster"),
        "{evidence}"
    );
}

#[tokio::test]
async fn exporter_calls_follow_policies_and_keys() {
    let moto = Moto::start().await.unwrap();
    let key = moto.add_user("castai-agent").await.unwrap();
    let mut world = LabCluster::start();
    for variable in ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_EC2"] {
        world.set_env(variable, &moto.url());
    }
    // moto is written in Python and loads a service on its first request.
    world.file = world.file.replace("response: 1s", "response: 10s");
    // moto has no instance for this node.
    world.set_env("AWS_EC2_METADATA_DISABLED", "true");
    world.with_key(&key.id, &key.secret);
    let seen = async |world: &LabCluster, check: CheckId| {
        let check_states = world.run_checks().await;
        let check_state = state_of(&check_states, check);
        (
            check_state.status(),
            check_state.stable_modes.modes().to_vec(),
            evidence(check_state),
        )
    };
    let (status, _, evidence) = seen(&world, CheckId::StsIdentity).await;
    assert_eq!(status, Status::Ok, "{evidence}");
    assert!(
        evidence.contains("arn:aws:iam::123456789012:user/castai-agent"),
        "{evidence}"
    );

    // No policy, an allow, a deny, no policy again.
    let denied = [M::Ec2DeniedUnspecified];
    let (_, modes, evidence) = seen(&world, CheckId::Ec2Api).await;
    assert_eq!(modes, denied, "{evidence}");
    moto.set_policy("castai-agent", Some("Allow"), "ec2:DescribeInstances")
        .await
        .unwrap();
    world.configure();
    let (status, modes, evidence) = seen(&world, CheckId::Ec2Api).await;
    assert!(
        status != Status::Failing && !modes.contains(&denied[0]),
        "{modes:?} {evidence}"
    );
    moto.set_policy("castai-agent", Some("Deny"), "ec2:*")
        .await
        .unwrap();
    world.configure();
    assert_eq!(seen(&world, CheckId::Ec2Api).await.1, denied);
    moto.set_policy("castai-agent", Some("Allow"), "ec2:*")
        .await
        .unwrap();
    world.configure();
    assert!(!seen(&world, CheckId::Ec2Api).await.1.contains(&denied[0]));

    world.with_key(&key.id, "another secret");
    let (status, modes, evidence) = seen(&world, CheckId::StsIdentity).await;
    assert_eq!(
        (status, modes),
        (Status::Failing, vec![M::AwsKeySecretWrong]),
        "{evidence}"
    );
    world.with_key("AKIAUNKNOWNUNKNOWN00", &key.secret);
    let (status, modes, evidence) = seen(&world, CheckId::StsIdentity).await;
    assert_eq!(
        (status, modes),
        (Status::Failing, vec![M::AwsKeyInvalid]),
        "{evidence}"
    );
    world.with_key(&key.id, &key.secret);
    assert_eq!(seen(&world, CheckId::StsIdentity).await.0, Status::Ok);
}
