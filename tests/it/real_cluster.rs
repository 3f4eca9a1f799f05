//! The exporter's binary beside a real Kubernetes API server that is stopped, killed, refused and misled.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use lab::CastAi;
use lab::Pki;
use tempfile::TempDir;

use crate::support::cluster::Account;
use crate::support::cluster::ApiServer;
use crate::support::cluster::Certificate;
use crate::support::cluster::Cluster;
use crate::support::cluster::Grant;
use crate::support::cluster::Token;
use crate::support::exporter::Exporter;

const AGENT: Account<'_> = Account {
    namespace: "castai-agent",
    name: "castai-agent",
    token: Token::Valid,
    grants: &[Grant::Namespaces, Grant::EndpointSlices],
};
/// Two intervals of 2 s and an attempt of at most 3 s; the API server itself accepts a dead token for 10 s more.
const NOTICED: Duration = Duration::from_secs(7);
const TOKEN_CACHE: Duration = Duration::from_secs(12);
/// What stands between the cluster and the test on a machine that does other things as well.
const SLACK: Duration = Duration::from_secs(8);

/// A real control plane, an exporter that believes to be in the agent's pod, and a pretend CAST AI.
struct Scene {
    exporter: Exporter,
    cluster: Cluster,
    mount: PathBuf,
    _castai: CastAi,
    _dir: TempDir,
}

impl Scene {
    async fn start(api_servers: usize) -> Self {
        let cluster = Cluster::start(api_servers).await.unwrap();
        let mount = cluster.mount(&AGENT).await.unwrap();
        let public = Pki::new("Lab Public Root");
        let castai = CastAi::start(&public, lab::castai::Options::default()).unwrap();
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("exporter.yaml");
        fs::write(&file, Self::file(&cluster, &mount)).unwrap();
        let env = [
            ("KUBERNETES_SERVICE_HOST", cluster.api_servers()[0].host.to_string()),
            ("KUBERNETES_SERVICE_PORT", ApiServer::PORT.to_string()),
            ("API_URL", format!("https://{}", castai.addr())),
            ("API_KEY", lab::API_KEY.to_owned()),
            ("PROVIDER", "eks".to_owned()),
            ("TLS_CA_CERT_FILE", public.ca_pem()),
        ];
        let env: BTreeMap<_, _> = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let exporter = Exporter::start(&env, &file).await;
        let scene = Self { exporter, cluster, mount, _castai: castai, _dir: dir };
        scene.healthy().await;
        scene
    }

    fn file(cluster: &Cluster, mount: &std::path::Path) -> String {
        let mut file = format!(
            "apiserver:\n  service_account_dir: {}\n  dns_name: localhost:{}\n",
            mount.display(),
            ApiServer::PORT
        );
        // The name beside the service's address leads to the same server.
        let hosts = mount.parent().unwrap().join("hosts");
        fs::write(&hosts, format!("{} localhost\n", cluster.api_servers()[0].host)).unwrap();
        let _ = write!(
            file,
            "dns:\n  hosts_file: {}\nchecks:\n  apiserver:\n    interval: 2s\n    limits: {{ connect: 2s, tls: 2s, answer: 2s }}\n",
            hosts.display()
        );
        file
    }

    async fn healthy(&self) {
        let ok = r#"castai_health_check_status{check="apiserver",status="ok"} 1"#;
        self.exporter.shows(&[ok], NOTICED + TOKEN_CACHE + SLACK).await;
    }

    /// The mode is shown, and it alone.
    async fn fails(&self, mode: &str, within: Duration) {
        let failing = r#"castai_health_check_status{check="apiserver",status="failing"} 1"#;
        let failure = format!(r#"castai_health_failure{{check="apiserver",mode="{mode}"}} 1"#);
        let took = self.exporter.shows(&[failing, &failure], within + SLACK).await;
        println!("{mode} was shown after {:.1} s", took.as_secs_f64());
        let metrics = self.exporter.metrics().await;
        let shown =
            metrics.lines().filter(|line| line.starts_with(r#"castai_health_failure{check="apiserver""#)).count();
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
    scene.cluster.revoke(&AGENT, Grant::Namespaces).await.unwrap();
    scene.fails("k8s_rbac_forbidden", NOTICED).await;
    scene.cluster.mount(&AGENT).await.unwrap();
    scene.healthy().await;
    let token = fs::read(scene.mount.join("token")).unwrap();
    scene.cluster.kubectl(&["delete", "serviceaccount", "--namespace", AGENT.namespace, AGENT.name]).await.unwrap();
    scene.fails("k8s_unauthorized", NOTICED + TOKEN_CACHE).await;
    scene.cluster.mount(&AGENT).await.unwrap();
    assert_ne!(fs::read(scene.mount.join("token")).unwrap(), token);
    scene.healthy().await;
    scene.cluster.mount(&Account { token: Token::Expired, ..AGENT }).await.unwrap();
    scene.fails("k8s_token_expired", NOTICED).await;
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
        (Certificate::OtherName("other.test"), "tls_hostname_mismatch"),
    ] {
        scene.cluster.certify(server, certificate).await.unwrap();
        scene.fails(mode, NOTICED).await;
        scene.cluster.certify(server, Certificate::Valid).await.unwrap();
        scene.healthy().await;
    }
}

#[tokio::test]
async fn one_of_two_api_servers_hangs() {
    let scene = Scene::start(2).await;
    let second = scene.cluster.api_servers()[1].name.clone();
    scene.cluster.pause(&second).await.unwrap();
    scene.fails("k8s_endpoint_down", NOTICED).await;
    scene.cluster.resume(&second).await.unwrap();
    scene.healthy().await;
}
