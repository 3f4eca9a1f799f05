//! Tests of the exporter's binary with a real Kubernetes API server that stops, rejects and
//! misbehaves.

mod chart;
mod companion;
mod faults;
mod operator;
mod role;
mod scale;
mod sidecar_manifests;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use lab::{CastAi, Pki};
use tempfile::TempDir;
use test_support::exporter::Exporter;

use crate::support::cluster::{Account, ApiServer, Certificate, Cluster, Grant, Token};

const AGENT: Account<'_> = Account {
    namespace: "castai-agent",
    name: "castai-agent",
    token: Token::Valid,
    grants: &[Grant::Namespaces, Grant::EndpointSlices],
};
/// Two intervals of 2 s and an attempt of at most 3 s.
/// The API server caches a deleted token for 10 s more (`TOKEN_CACHE`).
const NOTICED: Duration = Duration::from_secs(7);
const TOKEN_CACHE: Duration = Duration::from_secs(12);
/// Allowance for the control plane and the test on a busy machine.
const SLACK: Duration = Duration::from_secs(8);

/// A real control plane, an exporter configured as in the agent's pod, and a simulated CAST AI.
struct Scene {
    exporter: Exporter,
    cluster: Cluster,
    mount: PathBuf,
    _castai: CastAi,
    _dir: TempDir,
}

impl Scene {
    /// Starts the exporter as in a pod of the agent.
    async fn start(api_servers: usize) -> Self {
        Self::of(&AGENT, api_servers).await
    }

    /// Starts the exporter as in a pod of this account.
    async fn of(account: &Account<'_>, api_servers: usize) -> Self {
        let cluster = Cluster::start(api_servers).await.unwrap();
        let mount = cluster.mount(account).await.unwrap();
        let host = cluster.api_servers()[0].host.to_string();
        // This name leads to the same server as the service's address.
        let hosts = mount.parent().unwrap().join("hosts");
        fs::write(&hosts, format!("{host} localhost\n")).unwrap();
        let file = format!(
            "apiserver:\n  service_account_dir: {}\n  dns_name: localhost:{}\ndns:\n  hosts_file: {}\n",
            mount.display(),
            ApiServer::PORT,
            hosts.display()
        );
        let env = [
            ("KUBERNETES_SERVICE_HOST", host),
            ("KUBERNETES_SERVICE_PORT", ApiServer::PORT.to_string()),
        ];
        Self::beside(cluster, mount, &env, &file).await
    }

    /// Starts the exporter as on an administrator's machine.
    async fn with_a_kubeconfig() -> Self {
        let cluster = Cluster::start(1).await.unwrap();
        let file = format!("kubeconfig: {}\n", cluster.kubeconfig().display());
        Self::beside(cluster, PathBuf::new(), &[], &file).await
    }

    async fn beside(cluster: Cluster, mount: PathBuf, way: &[(&str, String)], file: &str) -> Self {
        let public = Pki::new("Lab Public Root");
        let castai = CastAi::start(&public, lab::castai::Options::default()).unwrap();
        let dir = TempDir::new().unwrap();
        let limits = "{ connect: 2s, tls: 2s, answer: 2s }";
        let checks = format!("checks:\n  apiserver:\n    interval: 2s\n    limits: {limits}\n");
        let path = dir.path().join("exporter.yaml");
        fs::write(&path, file.to_owned() + &checks).unwrap();
        let castai_env = [
            ("API_URL", format!("https://{}", castai.addr())),
            ("API_KEY", lab::API_KEY.to_owned()),
            ("PROVIDER", "eks".to_owned()),
            // The test machine is not an EC2 instance, so the exporter must not call AWS.
            ("EKS_ACCOUNT_ID", "123456789012".to_owned()),
            ("EKS_REGION", "eu-central-1".to_owned()),
            ("EKS_CLUSTER_NAME", "lab".to_owned()),
            (
                "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED",
                "false".to_owned(),
            ),
            ("TLS_CA_CERT_FILE", public.ca_pem()),
        ];
        let env = way
            .iter()
            .chain(&castai_env)
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let exporter = Exporter::start(&env, &path).await;
        let scene = Self {
            exporter,
            cluster,
            mount,
            _castai: castai,
            _dir: dir,
        };
        scene.healthy().await;
        scene
    }

    async fn healthy(&self) {
        let ok = r#"castai_health_check_status{check="apiserver",status="ok"} 1"#;
        self.exporter
            .shows(&[ok], NOTICED + TOKEN_CACHE + SLACK)
            .await;
    }

    /// Waits until `apiserver` reports this mode and no other.
    async fn fails(&self, mode: &str, within: Duration) {
        let failing = r#"castai_health_check_status{check="apiserver",status="failing"} 1"#;
        let failure = format!(r#"castai_health_failure{{check="apiserver",mode="{mode}"}} 1"#);
        let took = self
            .exporter
            .shows(&[failing, &failure], within + SLACK)
            .await;
        println!("{mode} was shown after {:.1} s", took.as_secs_f64());
        let metrics = self.exporter.metrics().await;
        let shown = metrics
            .lines()
            .filter(|line| line.starts_with(r#"castai_health_failure{check="apiserver""#))
            .count();
        assert_eq!(shown, 1, "{metrics}");
    }
}

#[tokio::test]
async fn an_api_server_is_stopped_killed_and_started_again() {
    let scene = Scene::start(1).await;
    let name = scene.cluster.api_servers()[0].name.clone();
    scene.cluster.pause(&name).await.unwrap();
    scene.fails("tls_handshake_timeout", NOTICED).await;
    scene.cluster.resume(&name).await.unwrap();
    scene.healthy().await;
    scene.cluster.kill(&name).await.unwrap();
    scene.fails("net_refused", NOTICED).await;
    scene.cluster.revive(&name).await.unwrap();
    scene.healthy().await;
}

#[tokio::test]
async fn the_agents_account_is_deleted_made_anew_and_loses_its_rights() {
    let scene = Scene::start(1).await;
    scene
        .cluster
        .revoke(&AGENT, Grant::Namespaces)
        .await
        .unwrap();
    scene.fails("k8s_rbac_forbidden", NOTICED).await;
    scene.cluster.mount(&AGENT).await.unwrap();
    scene.healthy().await;
    let token = fs::read(scene.mount.join("token")).unwrap();
    scene
        .cluster
        .kubectl(&[
            "delete",
            "serviceaccount",
            "--namespace",
            AGENT.namespace,
            AGENT.name,
        ])
        .await
        .unwrap();
    scene.fails("k8s_unauthorized", NOTICED + TOKEN_CACHE).await;
    scene.cluster.mount(&AGENT).await.unwrap();
    assert_ne!(fs::read(scene.mount.join("token")).unwrap(), token);
    scene.healthy().await;
    scene
        .cluster
        .mount(&Account {
            token: Token::Expired,
            ..AGENT
        })
        .await
        .unwrap();
    scene.fails("k8s_token_expired", NOTICED).await;
    scene.cluster.mount(&AGENT).await.unwrap();
    scene.healthy().await;
    fs::remove_file(scene.mount.join("token")).unwrap();
    scene.fails("k8s_token_missing", NOTICED).await;
    scene.cluster.mount(&AGENT).await.unwrap();
    scene.healthy().await;
}

#[tokio::test]
async fn an_api_server_shows_certificates_that_nobody_should_accept() {
    let scene = Scene::start(1).await;
    let server = &scene.cluster.api_servers()[0];
    for (certificate, mode) in [
        (Certificate::Expired, "tls_expired"),
        (Certificate::ForeignCa, "tls_unknown_authority"),
        (
            Certificate::OtherName("other.test"),
            "tls_hostname_mismatch",
        ),
    ] {
        scene.cluster.certify(server, certificate).await.unwrap();
        scene.fails(mode, NOTICED).await;
        scene
            .cluster
            .certify(server, Certificate::Valid)
            .await
            .unwrap();
        scene.healthy().await;
    }
}

#[tokio::test]
async fn one_of_two_api_servers_hangs() {
    let scene = Scene::start(2).await;
    for server in scene.cluster.api_servers() {
        scene.cluster.pause(&server.name).await.unwrap();
        scene.fails("k8s_endpoint_down", NOTICED).await;
        scene.cluster.resume(&server.name).await.unwrap();
        scene.healthy().await;
    }
}

#[tokio::test]
async fn one_of_two_api_servers_dies_and_then_the_other() {
    let scene = Scene::start(2).await;
    let [first, second] = scene.cluster.api_servers() else {
        panic!("two were started")
    };
    scene.cluster.kill(&second.name).await.unwrap();
    scene.fails("k8s_endpoint_down", NOTICED).await;
    scene.cluster.kill(&first.name).await.unwrap();
    scene.fails("net_refused", NOTICED).await;
    scene.cluster.revive(&second.name).await.unwrap();
    scene.cluster.revive(&first.name).await.unwrap();
    scene.healthy().await;
}

#[tokio::test]
async fn one_of_two_api_servers_shows_an_expired_certificate() {
    let scene = Scene::start(2).await;
    let second = &scene.cluster.api_servers()[1];
    scene
        .cluster
        .certify(second, Certificate::Expired)
        .await
        .unwrap();
    scene.fails("k8s_endpoint_down", NOTICED).await;
    scene
        .cluster
        .certify(second, Certificate::Valid)
        .await
        .unwrap();
    scene.healthy().await;
}

#[tokio::test]
async fn an_api_server_without_its_etcd_answers_only_what_needs_none() {
    let scene = Scene::start(1).await;
    scene.cluster.pause("etcd").await.unwrap();
    scene.fails("http_timeout", NOTICED).await;
    scene.cluster.resume("etcd").await.unwrap();
    scene.healthy().await;
}

#[tokio::test]
async fn a_pod_that_may_not_list_addresses_judges_the_one_that_the_agent_uses() {
    let scene = Scene::of(
        &Account {
            grants: &[Grant::Namespaces],
            ..AGENT
        },
        2,
    )
    .await;
    let [first, second] = scene.cluster.api_servers() else {
        panic!("two were started")
    };
    assert!(
        !scene
            .exporter
            .metrics()
            .await
            .contains(&second.host.to_string())
    );
    scene.cluster.pause(&first.name).await.unwrap();
    scene.fails("tls_handshake_timeout", NOTICED).await;
}

#[tokio::test]
async fn outside_of_the_cluster_kubectls_own_file_is_enough() {
    let scene = Scene::with_a_kubeconfig().await;
    let server = &scene.cluster.api_servers()[0];
    scene.cluster.pause(&server.name).await.unwrap();
    scene.fails("tls_handshake_timeout", NOTICED).await;
    scene.cluster.resume(&server.name).await.unwrap();
    scene.healthy().await;
}
