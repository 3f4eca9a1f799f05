//! A real API server's service account, pod and tokens, as AWS and `aws_credentials` look at them.

use std::fs;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M, Status};
use lab::aws::{Provider, ROLE, Role, SUBJECT, Signs, WebIdentity};
use test_support::world::standing_of;
use test_support::world::{CheckContext, evidence};

use super::AGENT;
use crate::support::cluster::{ApiServer, Cluster};

/// Who signs the tokens of `tests/cluster`.
pub(super) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// Whom the webhook of EKS has them made for.
pub(super) const AUDIENCE: &str = "sts.amazonaws.com";

async fn seen(world: &CheckContext, check: CheckId) -> (Status, Vec<M>, String) {
    let standings = world.look().await;
    let standing = standing_of(&standings, check);
    (
        standing.status(),
        standing.settled.modes().to_vec(),
        evidence(standing),
    )
}

/// The lab's world, with a real API server in the place of the lab's.
async fn world_of(cluster: &Cluster) -> CheckContext {
    let mount = cluster.mount(&AGENT).await.unwrap();
    let mut world = CheckContext::start();
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
async fn a_role_is_annotated_injected_and_changed_on_a_real_service_account() {
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

    let (status, _, said) = seen(&world, CheckId::AwsCredentials).await;
    assert_eq!(status, Status::Ok, "{said}");
    assert!(
        said.contains("may not get serviceaccounts/castai-agent in the namespace castai-agent"),
        "{said}"
    );
    kubectl("create role reader --verb=get --resource=serviceaccounts,pods").await;
    kubectl("create rolebinding reader --role=reader --serviceaccount=castai-agent:castai-agent")
        .await;
    let (status, _, said) = seen(&world, CheckId::AwsCredentials).await;
    assert!(status == Status::Ok && !said.contains("may not"), "{said}");

    kubectl(&format!(
        "annotate serviceaccount castai-agent eks.amazonaws.com/role-arn={arn}"
    ))
    .await;
    let (status, modes, said) = seen(&world, CheckId::AwsCredentials).await;
    assert_eq!(
        (status, modes),
        (Status::Failing, vec![M::AwsIrsaNotInjected]),
        "{said}"
    );

    // As the webhook would: a token by TokenRequest, whose signature the lab's STS checks with the cluster's keys.
    let token = kubectl(&format!(
        "create token castai-agent --audience={AUDIENCE} --duration=24h"
    ))
    .await;
    fs::write(world.mounted("aws-token"), token.trim()).unwrap();
    let keys = cluster
        .kubectl(&["get", "--raw", "/openid/v1/jwks"])
        .await
        .unwrap();
    let provider = |keys: &str| Provider {
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        signs: Signs::Keys(serde_json::from_str(keys).unwrap()),
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
    // v0.93 asks the global STS.
    world.dns.add("sts.amazonaws.com", world.sts.addr().ip());
    kubectl("delete pod agent --grace-period=0 --force").await;
    kubectl(&pod.replace("v0.93.0", "v0.123.1")).await;
    world.set_env("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap());
    let (status, _, said) = seen(&world, CheckId::AwsCredentials).await;
    assert_eq!(status, Status::Ok, "{said}");
    let (status, _, said) = seen(&world, CheckId::StsIdentity).await;
    assert_eq!(status, Status::Ok, "{said}");

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
    let (status, modes, said) = seen(&world, CheckId::StsIdentity).await;
    assert_eq!(
        (status, modes),
        (Status::Warning, vec![M::AwsRoleMismatch]),
        "{said}"
    );
    assert!(said.contains("rollout restart"), "{said}");
}

#[tokio::test]
async fn the_agents_version_is_read_from_the_image_of_a_real_pod() {
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
    // Nothing is sent there: the agent's SDK refuses the address.
    world.set_env(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "http://169.254.170.23/v1/credentials",
    );
    let (status, modes, said) = seen(&world, CheckId::AwsCredentials).await;
    assert_eq!(
        (status, modes),
        (
            Status::Failing,
            vec![M::AwsPodIdentityUnsupportedByAgentSdk]
        ),
        "{said}"
    );
    assert!(said.contains("the agent v0.93.0"), "{said}");
}
