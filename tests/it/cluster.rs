//! The check `apiserver` against real API servers, through what really happens to them and to the agent's account.
//!
//! Two API servers on one etcd, examined every second; the agent uses the first one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use castai_health_exporter::board::Board;
use castai_health_exporter::board::Standing;
use castai_health_exporter::catalogue::Check;
use castai_health_exporter::catalogue::FailureMode as M;
use castai_health_exporter::catalogue::Status;
use castai_health_exporter::catalogue::limits;
use castai_health_exporter::checks::Plan;
use castai_health_exporter::config::Config;
use castai_health_exporter::config::Flags;
use castai_health_exporter::scheduler;
use castai_health_exporter::scheduler::Watch;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::support::cluster::Account;
use crate::support::cluster::ApiServer;
use crate::support::cluster::Certificate;
use crate::support::cluster::Cluster;
use crate::support::cluster::Grant;
use crate::support::cluster::Token;
use crate::support::world::KUBERNETES;
use crate::support::world::evidence;

const AGENT: Account<'_> = Account {
    namespace: "castai-agent",
    name: "castai-agent",
    token: Token::Valid,
    grants: &[Grant::Namespaces, Grant::EndpointSlices],
};
const INTERVAL: Duration = Duration::from_secs(1);
/// A fault, and its end, show within two intervals plus one attempt.
const SHOWN: Duration = Duration::from_secs(2 * INTERVAL.as_secs() + limits::ATTEMPT.as_secs());

/// The exporter's own loop, with this one check.
struct Exporter {
    board: Arc<Board>,
    _watch: Watch,
}

impl Exporter {
    /// In a pod of an account.
    fn in_a_pod(mount: &Path, agents_server: &ApiServer) -> Self {
        let hosts = mount.with_extension("hosts");
        fs::write(&hosts, format!("{} {KUBERNETES}\n", agents_server.host)).unwrap();
        let settings = format!(
            "apiserver: {{ service_account_dir: {}, dns_name: '{KUBERNETES}:{}' }}\ndns: {{ hosts_file: {} }}\n",
            mount.display(),
            ApiServer::PORT,
            hosts.display()
        );
        let env = [
            ("KUBERNETES_SERVICE_HOST", agents_server.host.to_string()),
            ("KUBERNETES_SERVICE_PORT", ApiServer::PORT.to_string()),
        ];
        Self::start(&mount.with_extension("yaml"), &settings, &env.into())
    }

    /// On an administrator's machine.
    fn with_a_kubeconfig(kubeconfig: &Path) -> Self {
        let settings = format!("kubeconfig: {}\n", kubeconfig.display());
        Self::start(&kubeconfig.with_extension("yaml"), &settings, &BTreeMap::new())
    }

    fn start(file: &Path, settings: &str, env: &BTreeMap<&str, String>) -> Self {
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let limits = "{ connect: 500ms, tls: 500ms, answer: 500ms }";
        let check = format!("checks: {{ apiserver: {{ interval: {}s, limits: {limits} }} }}\n", INTERVAL.as_secs());
        fs::write(file, settings.to_owned() + &check).unwrap();
        let flags = Flags { config_file: Some(file.to_owned()), ..Flags::default() };
        let config = Config::load(&flags, &|name| env.get(name).map(OsString::from)).unwrap();
        let plan = Plan::new(&config).only(&[Check::Apiserver]);
        let board = Arc::new(Board::new(&scheduler::entries(&plan)));
        let watch = Watch::start(&plan, &board, &(Arc::new(|_: &_| {}) as _));
        Self { board, _watch: watch }
    }

    /// Waits for a mode.
    async fn shows(&self, mode: M) -> Standing {
        self.wait(Status::Failing, &[mode]).await
    }

    /// Waits until everything is well again, by itself.
    async fn recovers(&self) {
        self.wait(Status::Ok, &[]).await;
    }

    /// Waits for a verdict. Until then it may stay what it was, but nothing else may be said.
    async fn wait(&self, status: Status, modes: &[M]) -> Standing {
        let begin = Instant::now();
        let before = self.standing();
        loop {
            let now = self.standing();
            if now.status() == status && now.settled.modes() == modes {
                return now;
            }
            let said = format!("{:?} {:?}: {}", now.status(), now.settled.modes(), evidence(&now));
            assert_eq!(now.settled.modes(), before.settled.modes(), "{modes:?} expected, not {said}");
            assert!(begin.elapsed() < SHOWN, "{status:?} {modes:?} expected, still {said}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn standing(&self) -> Standing {
        self.board.standings().remove(0)
    }
}

#[tokio::test]
async fn one_dead_api_server_of_two_is_told_from_all_dead() {
    let cluster = Cluster::start(2).await.unwrap();
    let [first, second] = cluster.api_servers() else { panic!("two were started") };
    let exporter = Exporter::in_a_pod(&cluster.mount(&AGENT).await.unwrap(), first);
    exporter.recovers().await;

    for one in [first, second] {
        cluster.pause(&one.name).await.unwrap();
        let standing = exporter.shows(M::K8sEndpointDown).await;
        assert!(evidence(&standing).contains("1 of 2 API-server addresses fail"), "{}", evidence(&standing));
        assert!(evidence(&standing).contains(&one.host.to_string()), "{}", evidence(&standing));
        cluster.resume(&one.name).await.unwrap();
        exporter.recovers().await;
    }

    cluster.certify(second, Certificate::Expired).await.unwrap();
    exporter.shows(M::K8sEndpointDown).await;
    cluster.certify(second, Certificate::Valid).await.unwrap();
    exporter.recovers().await;

    cluster.kill(&second.name).await.unwrap();
    exporter.shows(M::K8sEndpointDown).await;
    cluster.kill(&first.name).await.unwrap();
    exporter.shows(M::NetRefused).await;
    cluster.revive(&second.name).await.unwrap();
    cluster.revive(&first.name).await.unwrap();
    exporter.recovers().await;
}

#[tokio::test]
async fn an_api_server_without_another_one_hangs_dies_and_returns() {
    let cluster = Cluster::start(1).await.unwrap();
    let server = &cluster.api_servers()[0];
    let exporter = Exporter::in_a_pod(&cluster.mount(&AGENT).await.unwrap(), server);
    exporter.recovers().await;

    cluster.pause(&server.name).await.unwrap();
    exporter.shows(M::TlsHandshakeTimeout).await;
    cluster.resume(&server.name).await.unwrap();
    exporter.recovers().await;

    cluster.kill(&server.name).await.unwrap();
    exporter.shows(M::NetRefused).await;
    cluster.revive(&server.name).await.unwrap();
    exporter.recovers().await;

    // The server answers /version; what needs the etcd hangs.
    cluster.pause("etcd").await.unwrap();
    exporter.shows(M::HttpTimeout).await;
    cluster.resume("etcd").await.unwrap();
    exporter.recovers().await;
}

#[tokio::test]
async fn certificates_are_replaced_while_the_api_server_runs() {
    let cluster = Cluster::start(1).await.unwrap();
    let server = &cluster.api_servers()[0];
    let exporter = Exporter::in_a_pod(&cluster.mount(&AGENT).await.unwrap(), server);
    exporter.recovers().await;
    for (certificate, mode) in [
        (Certificate::Expired, M::TlsExpired),
        (Certificate::ForeignCa, M::TlsUnknownAuthority),
        (Certificate::OtherName("other.test"), M::TlsHostnameMismatch),
    ] {
        cluster.certify(server, certificate).await.unwrap();
        exporter.shows(mode).await;
        cluster.certify(server, Certificate::Valid).await.unwrap();
        exporter.recovers().await;
    }
}

#[tokio::test]
async fn the_agents_account_loses_its_rights_its_token_and_itself() {
    let cluster = Cluster::start(1).await.unwrap();
    let mount = cluster.mount(&AGENT).await.unwrap();
    let exporter = Exporter::in_a_pod(&mount, &cluster.api_servers()[0]);
    exporter.recovers().await;

    cluster.revoke(&AGENT, Grant::Namespaces).await.unwrap();
    exporter.shows(M::K8sRbacForbidden).await;
    cluster.mount(&AGENT).await.unwrap();
    exporter.recovers().await;

    cluster.mount(&Account { token: Token::Expired, ..AGENT }).await.unwrap();
    exporter.shows(M::K8sTokenExpired).await;
    cluster.mount(&AGENT).await.unwrap();
    exporter.recovers().await;

    // The API server trusts the token for ten seconds more.
    cluster.kubectl(&["delete", "serviceaccount", "--namespace", AGENT.namespace, AGENT.name]).await.unwrap();
    exporter.shows(M::K8sUnauthorized).await;
    cluster.mount(&AGENT).await.unwrap();
    exporter.recovers().await;

    fs::remove_file(mount.join("token")).unwrap();
    exporter.shows(M::K8sTokenMissing).await;
    cluster.mount(&AGENT).await.unwrap();
    exporter.recovers().await;
}

#[tokio::test]
async fn outside_of_the_cluster_a_kubeconfig_is_enough() {
    let cluster = Cluster::start(1).await.unwrap();
    let server = &cluster.api_servers()[0];
    let exporter = Exporter::with_a_kubeconfig(cluster.kubeconfig());
    exporter.recovers().await;
    cluster.pause(&server.name).await.unwrap();
    exporter.shows(M::TlsHandshakeTimeout).await;
    cluster.resume(&server.name).await.unwrap();
    exporter.recovers().await;
}

#[tokio::test]
async fn a_pod_that_may_not_list_addresses_still_judges_its_own() {
    let cluster = Cluster::start(2).await.unwrap();
    let [first, second] = cluster.api_servers() else { panic!("two were started") };
    let account = Account { grants: &[Grant::Namespaces], ..AGENT };
    let exporter = Exporter::in_a_pod(&cluster.mount(&account).await.unwrap(), first);
    exporter.recovers().await;
    let standing = exporter.standing();
    assert!(!format!("{standing:?}").contains(&second.host.to_string()), "{standing:?}");
    cluster.pause(&first.name).await.unwrap();
    exporter.shows(M::TlsHandshakeTimeout).await;
}
