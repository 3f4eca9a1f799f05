//! Tests of `aws_credentials` with a real API server's service account, pod and tokens.

use std::fs;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use lab::aws::{OidcProvider, ROLE, Role, SUBJECT, SigningKeys, WebIdentity};
use test_support::lab_cluster::{LabCluster, evidence, state_of};

use super::AGENT;
use crate::support::cluster::{ApiServer, Cluster};

/// Token issuer of `tests/cluster`.
pub(super) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// Token audience that the webhook of EKS requests.
pub(super) const AUDIENCE: &str = "sts.amazonaws.com";

async fn seen(world: &LabCluster, check: CheckId) -> (Status, Vec<M>, String) {
    let check_states = world.run_checks().await;
    let check_state = state_of(&check_states, check);
    (
        check_state.status(),
        check_state.stable_modes.modes().to_vec(),
        evidence(check_state),
    )
}

/// Returns a lab cluster with a real API server in place of the lab's.
async fn world_of(cluster: &Cluster) -> LabCluster {
    let mount = cluster.mount(&AGENT).await.unwrap();
    let mut world = LabCluster::start();
    let place = |dir: &std::path::Path| format!("service_account_dir: {}\n", dir.display());
    world.file = world.file.replace(&place(world.dir.path()), &place(&mount));
    assert!(world.file.contains(&place(&mount)));
    let host = cluster.api_servers()[0].host.to_string();
    for (name, value) in [
        ("KUBERNETES_SERVICE_HOST", host.as_str()),
        ("POD_NAME", "agent"),
    ] {
        world.set_env(name, value);
    }
    world.set_env("KUBERNETES_SERVICE_PORT", &ApiServer::PORT.to_string());
    world
}

#[tokio::test]
async fn role_annotation_changes_are_detected_on_a_real_service_account() {
    let cluster = Cluster::start(1).await.unwrap();
    let kubectl = async |words: &str| {
        let words: Vec<&str> = words
            .split(' ')
            .chain(["--namespace", AGENT.namespace])
            .collect();
        cluster.kubectl(&words).await.unwrap()
    };
    let mut world = world_of(&cluster).await;
    let pod = r#"run agent --image=castai/agent:v0.93.0 --overrides={"spec":{"serviceAccountName":"castai-agent"}}"#;
    kubectl(pod).await;
    let arn = "arn:aws:iam::123456789012:role/castai-agent";

    let (status, _, evidence) = seen(&world, CheckId::AwsCredentials).await;
    assert_eq!(status, Status::Ok, "{evidence}");
    assert!(
        evidence.contains(
            "is not allowed to get serviceaccounts/castai-agent in the namespace castai-agent"
        ),
        "{evidence}"
    );
    kubectl("create role reader --verb=get --resource=serviceaccounts,pods").await;
    kubectl("create rolebinding reader --role=reader --serviceaccount=castai-agent:castai-agent")
        .await;
    let (status, _, evidence) = seen(&world, CheckId::AwsCredentials).await;
    assert!(
        status == Status::Ok && !evidence.contains("may not"),
        "{evidence}"
    );

    kubectl(&format!(
        "annotate serviceaccount castai-agent eks.amazonaws.com/role-arn={arn}"
    ))
    .await;
    let (status, modes, evidence) = seen(&world, CheckId::AwsCredentials).await;
    assert_eq!(
        (status, modes),
        (Status::Failing, vec![M::AwsIrsaNotInjected]),
        "{evidence}"
    );

    // Like the webhook, get a token by TokenRequest. The lab's STS verifies it with the cluster's
    // keys.
    let token = kubectl(&format!(
        "create token castai-agent --audience={AUDIENCE} --duration=24h"
    ))
    .await;
    fs::write(world.mounted("aws-token"), token.trim()).unwrap();
    let keys = cluster
        .kubectl(&["get", "--raw", "/openid/v1/jwks"])
        .await
        .unwrap();
    let provider = |keys: &str| OidcProvider {
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        signing_keys: SigningKeys::Jwks(serde_json::from_str(keys).unwrap()),
    };
    world.account.set_provider(provider(&keys));
    let trust = |issuer: &str| WebIdentity {
        issuer: issuer.to_owned(),
        audience: AUDIENCE.to_owned(),
        subject: SUBJECT.to_owned(),
    };
    world.account.set_role(Role {
        name: ROLE.to_owned(),
        web_identity: Some(trust(ISSUER)),
        principals: Vec::new(),
    });
    world.env.insert("AWS_ROLE_ARN".to_owned(), arn.to_owned());
    let file = world.mounted("aws-token");
    // Agent v0.93 uses the global STS endpoint.
    world.dns.add("sts.amazonaws.com", world.sts.addr().ip());
    kubectl("delete pod agent --grace-period=0 --force").await;
    kubectl(&pod.replace("v0.93.0", "v0.123.1")).await;
    world.set_env("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap());
    let (status, _, evidence) = seen(&world, CheckId::AwsCredentials).await;
    assert_eq!(status, Status::Ok, "{evidence}");
    let (status, _, evidence) = seen(&world, CheckId::StsIdentity).await;
    assert_eq!(status, Status::Ok, "{evidence}");

    world.account.set_provider(provider(r#"{"keys":[]}"#));
    world.configure();
    assert_eq!(
        seen(&world, CheckId::StsIdentity).await.1,
        [M::AwsIrsaTokenInvalid]
    );
    world.account.set_provider(provider(&keys));
    assert_eq!(seen(&world, CheckId::StsIdentity).await.0, Status::Ok);
    kubectl(&format!(
        "annotate --overwrite serviceaccount castai-agent eks.amazonaws.com/role-arn={arn}-2"
    ))
    .await;
    world.configure();
    let (status, modes, evidence) = seen(&world, CheckId::StsIdentity).await;
    assert_eq!(
        (status, modes),
        (Status::Warning, vec![M::AwsRoleMismatch]),
        "{evidence}"
    );
    assert!(evidence.contains("changed"), "{evidence}");
}

#[tokio::test]
async fn agent_version_is_read_from_the_image_of_a_real_pod() {
    let cluster = Cluster::start(1).await.unwrap();
    let kubectl = async |words: &[&str]| cluster.kubectl(words).await.unwrap();
    let mut world = world_of(&cluster).await;
    let namespace = "--namespace=castai-agent";
    kubectl(&[
        "create",
        "role",
        "reader",
        "--verb=get",
        "--resource=pods",
        namespace,
    ])
    .await;
    let subject = "--serviceaccount=castai-agent:castai-agent";
    kubectl(&[
        "create",
        "rolebinding",
        "reader",
        "--role=reader",
        subject,
        namespace,
    ])
    .await;
    let overrides = r#"--overrides={"spec":{"serviceAccountName":"castai-agent"}}"#;
    kubectl(&[
        "run",
        "agent",
        "--image=castai/agent:v0.93.0",
        overrides,
        namespace,
    ])
    .await;
    world.with_pod_identity(Some(&lab::aws::pod_identity_token()));
    // The agent's SDK rejects this address, so no request is sent.
    world.set_env(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "http://169.254.170.23/v1/credentials",
    );
    let (status, modes, evidence) = seen(&world, CheckId::AwsCredentials).await;
    assert_eq!(
        (status, modes),
        (
            Status::Failing,
            vec![M::AwsPodIdentityUnsupportedByAgentSdk]
        ),
        "{evidence}"
    );
    assert!(evidence.contains("agent v0.93.0"), "{evidence}");
}
