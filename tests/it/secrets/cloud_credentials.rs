//! Credentials for a cloud, echoed by each service that receives them.

use std::fs;

use castai_health_exporter::catalogue::CheckId;
use lab::aws::pod_identity_token;
use lab::cloud_api::{FEDERATED_TOKEN, TENANT_ID, WORKLOAD_CLIENT_ID};
use lab::{CloudApiFault, Ec2Fault, EksFault, ImdsFault, PodIdentityFault, Request, StsFault};
use test_support::lab_cluster::LabCluster;

use super::{all_outputs, assert_hidden};

/// Forms in which the services echo credentials in the body of an error.
const QUOTED_FORMS: &[&str] = &[
    "plain",
    "base64",
    "base64url",
    "percent",
    "json",
    "halves",
    "chunks",
    "aws-xml",
    "aws-json",
];
/// Forms of which not all services are quoted.
const OTHER_FORMS: &[&str] = &["headers", "success"];
/// Forms with which the daemon and `check` run.
const FORMS_IN_OUTPUTS: [&str; 2] = ["base64", "aws-xml"];
/// Headers of a request that hold a credential.
const CREDENTIAL_HEADERS: &[&str] = &["x-aws-ec2-metadata-token", "x-amz-security-token"];
/// Fields of a form that hold a credential.
const CREDENTIAL_FIELDS: &[&str] = &["WebIdentityToken", "client_assertion"];
/// Shortest credential.
const MIN_CREDENTIAL_BYTES: usize = 16;

/// A service that receives credentials.
#[derive(Clone, Copy, Debug)]
enum Service {
    Imds,
    PodIdentity,
    Sts,
    Ec2,
    Eks,
    Gke,
    Azure,
    AzureLogin,
}

impl Service {
    /// Lets the service echo the credentials of each request in this form.
    async fn echo(self, world: &LabCluster, form: &str) {
        let fault = format!("echo-as:{form}");
        let cloud_api = |index: usize| &world.apis[index];
        match self {
            Self::Imds => world.imds.set(fault.parse::<ImdsFault>().unwrap()).await,
            Self::PodIdentity => {
                let fault = fault.parse::<PodIdentityFault>().unwrap();
                world.pod_identity.set(fault).await;
            }
            Self::Sts => world.sts.set(fault.parse::<StsFault>().unwrap()).await,
            Self::Ec2 => world.ec2.set(fault.parse::<Ec2Fault>().unwrap()).await,
            Self::Eks => world.eks.set(fault.parse::<EksFault>().unwrap()).await,
            Self::Gke | Self::Azure | Self::AzureLogin => {
                let index = match self {
                    Self::Gke => 0,
                    Self::Azure => 1,
                    _ => 2,
                };
                let fault = fault.parse::<CloudApiFault>().unwrap();
                cloud_api(index).set(fault).await;
            }
        }
    }

    fn requests(self, world: &LabCluster) -> Vec<Request> {
        match self {
            Self::Imds => world.imds.request_log(),
            Self::PodIdentity => world.pod_identity.request_log(),
            Self::Sts => world.sts.request_log(),
            Self::Ec2 => world.ec2.request_log(),
            Self::Eks => world.eks.request_log(),
            Self::Gke => world.apis[0].request_log(),
            Self::Azure => world.apis[1].request_log(),
            Self::AzureLogin => world.apis[2].request_log(),
        }
        .requests()
    }
}

/// Returns the credentials in a request.
fn credentials(request: &Request) -> Vec<String> {
    let headers = CREDENTIAL_HEADERS
        .iter()
        .filter_map(|name| request.header(name));
    // Of a signed request, the signature; otherwise what follows the scheme.
    let authorization = request.header("authorization").map(|value| {
        value
            .split_once("Signature=")
            .or_else(|| value.split_once(' '))
            .map_or(value, |(_, credential)| credential)
    });
    let fields = request
        .parameters()
        .into_iter()
        .filter(|(name, _)| CREDENTIAL_FIELDS.contains(&name.as_str()))
        .map(|(_, value)| value);
    headers
        .chain(authorization)
        .map(str::to_owned)
        .chain(fields)
        .collect()
}

/// Lets services echo the credentials of an agent, and reads every output.
async fn assert_echoes_are_hidden(mut world: LabCluster, services: &[Service]) {
    world.only = Some(&[
        CheckId::Imds,
        CheckId::AwsCredentials,
        CheckId::StsIdentity,
        CheckId::Ec2Api,
        CheckId::ControlPlaneAccess,
    ]);
    world.file.push_str("log: { level: debug }\n");
    for (form, is_quoted) in QUOTED_FORMS
        .iter()
        .map(|form| (form, true))
        .chain(OTHER_FORMS.iter().map(|form| (form, false)))
    {
        for service in services {
            service.echo(&world, form).await;
        }
        world.restart_exporter();
        let shown = format!("{:?}", world.run_checks().await);
        assert_hidden(&shown, &secrets(&world, services), form);
        assert!(
            !is_quoted || shown.contains("[redacted]"),
            "nothing came back as {form}: {shown}"
        );
    }
    for form in FORMS_IN_OUTPUTS {
        for service in services {
            service.echo(&world, form).await;
        }
        let outputs = all_outputs(&world).await;
        let redacted = outputs
            .values()
            .filter(|shown| shown.contains("[redacted]"));
        assert!(
            redacted.count() >= 6,
            "page, JSON, log and check: {outputs:?}"
        );
        let secrets = secrets(&world, services);
        for (output, shown) in outputs {
            assert_hidden(&shown, &secrets, &format!("{output} for {form}"));
        }
    }
}

/// Returns what the services received and issued, and what the agent's environment holds.
fn secrets(world: &LabCluster, services: &[Service]) -> Vec<String> {
    let mut secrets = world.account.secrets();
    secrets.extend(world.env.get("AWS_SECRET_ACCESS_KEY").cloned());
    for service in services {
        let requests = service.requests(world);
        let sent: Vec<_> = requests.iter().flat_map(credentials).collect();
        assert!(!sent.is_empty(), "{service:?} received no credential");
        secrets.extend(sent);
    }
    secrets.sort_unstable();
    secrets.dedup();
    for secret in &secrets {
        assert!(secret.len() >= MIN_CREDENTIAL_BYTES, "{secret:?}");
    }
    secrets
}

fn aks_with_workload_identity() -> LabCluster {
    let mut world = LabCluster::of("aks");
    let file = world.mounted("azure-token");
    fs::write(&file, FEDERATED_TOKEN).unwrap();
    world.set_env("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap());
    world.set_env("AZURE_CLIENT_ID", WORKLOAD_CLIENT_ID);
    world.set_env("AZURE_TENANT_ID", TENANT_ID);
    world
}

fn with_pod_identity() -> LabCluster {
    let mut world = LabCluster::start();
    world.with_pod_identity(Some(&pod_identity_token()));
    world
}

/// Returns an agent with credentials from an endpoint, and a token for it in the environment.
fn with_container_credentials() -> LabCluster {
    let mut world = LabCluster::start();
    let uri = world.pod_identity.uri();
    world.set_env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri);
    world.set_env(
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "container<token>+with/odd&characters\"=",
    );
    world
}

/// Returns an agent with an access key of a session in its environment.
fn with_session_key() -> LabCluster {
    let mut world = LabCluster::start();
    world.with_key(
        "ASIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    );
    world.set_env(
        "AWS_SESSION_TOKEN",
        "FwoGZXIvYXdzEJr//////////wEaDKq9session+token=",
    );
    world
}

#[tokio::test]
async fn instance_metadata_token_is_hidden() {
    assert_echoes_are_hidden(LabCluster::start(), &[Service::Imds]).await;
}

#[tokio::test]
async fn session_token_of_node_role_is_hidden() {
    let services = [Service::Sts, Service::Ec2, Service::Eks];
    assert_echoes_are_hidden(LabCluster::start(), &services).await;
}

#[tokio::test]
async fn web_identity_token_is_hidden() {
    assert_echoes_are_hidden(LabCluster::with_web_identity_role(), &[Service::Sts]).await;
}

#[tokio::test]
async fn session_token_of_web_identity_is_hidden() {
    let services = [Service::Ec2, Service::Eks];
    assert_echoes_are_hidden(LabCluster::with_web_identity_role(), &services).await;
}

#[tokio::test]
async fn pod_identity_token_is_hidden() {
    assert_echoes_are_hidden(with_pod_identity(), &[Service::PodIdentity]).await;
}

#[tokio::test]
async fn session_token_of_pod_identity_is_hidden() {
    let services = [Service::Sts, Service::Ec2, Service::Eks];
    assert_echoes_are_hidden(with_pod_identity(), &services).await;
}

#[tokio::test]
async fn container_credentials_token_is_hidden() {
    assert_echoes_are_hidden(with_container_credentials(), &[Service::PodIdentity]).await;
}

#[tokio::test]
async fn session_token_of_environment_is_hidden() {
    let services = [Service::Sts, Service::Ec2, Service::Eks];
    assert_echoes_are_hidden(with_session_key(), &services).await;
}

#[tokio::test]
async fn google_token_is_hidden() {
    assert_echoes_are_hidden(LabCluster::of("gke"), &[Service::Gke]).await;
}

#[tokio::test]
async fn azure_token_is_hidden() {
    assert_echoes_are_hidden(LabCluster::of("aks"), &[Service::Azure]).await;
}

#[tokio::test]
async fn azure_federated_token_is_hidden() {
    assert_echoes_are_hidden(aks_with_workload_identity(), &[Service::AzureLogin]).await;
}
