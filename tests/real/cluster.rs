//! Tests of the exporter's binary with a real Kubernetes API server that stops, rejects and
//! misbehaves.

mod agent_permissions;
mod bundle;
mod chart;
mod companion;
mod doctor;
mod faults;
mod kube_events;
mod operator;
mod preflight;
mod role;
mod scale;
mod sequences;
mod sidecar_manifests;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use castai_health_exporter::catalogue::CheckId;
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
const DETECTION_TIMEOUT: Duration = Duration::from_secs(7);
const TOKEN_CACHE: Duration = Duration::from_secs(12);
/// Allowance for the control plane and the test on a busy machine.
const BUSY_MACHINE_ALLOWANCE: Duration = Duration::from_secs(8);

/// A real control plane, an exporter configured as in the agent's pod, and a simulated CAST AI.
struct ApiserverBed {
    exporter: Exporter,
    cluster: Cluster,
    mount: PathBuf,
    _castai: CastAi,
    _dir: TempDir,
}

impl ApiserverBed {
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
        Self::start_with_env(cluster, mount, &env, &file).await
    }

    /// Starts the exporter as on an administrator's machine.
    async fn with_a_kubeconfig() -> Self {
        let cluster = Cluster::start(1).await.unwrap();
        let file = format!("kubeconfig: {}\n", cluster.kubeconfig().display());
        Self::start_with_env(cluster, PathBuf::new(), &[], &file).await
    }

    async fn start_with_env(
        cluster: Cluster,
        mount: PathBuf,
        way: &[(&str, String)],
        file: &str,
    ) -> Self {
        let public = Pki::new("Lab Public Root");
        let castai = CastAi::start(&public, lab::castai::Options::default()).unwrap();
        let dir = TempDir::new().unwrap();
        let limits = "{ connect: 2s, tls: 2s, response: 2s }";
        let checks = format!(
            "checks:\n  agent_permissions:\n    interval: 2s\n  apiserver:\n    interval: 2s\n    timeouts: {limits}\n"
        );
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
        let bed = Self {
            exporter,
            cluster,
            mount,
            _castai: castai,
            _dir: dir,
        };
        bed.wait_until_healthy().await;
        bed
    }

    async fn wait_until_healthy(&self) {
        let ok = r#"castai_health_check_status{check="apiserver",status="ok"} 1"#;
        self.exporter
            .wait_for_metrics(
                &[ok],
                DETECTION_TIMEOUT + TOKEN_CACHE + BUSY_MACHINE_ALLOWANCE,
            )
            .await;
    }

    /// Waits until `apiserver` reports this mode and no other.
    async fn wait_for_mode(&self, mode: &str, within: Duration) {
        let failing = r#"castai_health_check_status{check="apiserver",status="failing"} 1"#;
        let failure = format!(
            r#"castai_health_failure{{check="apiserver",mode="{mode}",severity="critical",caused_by=""}} 1"#
        );
        let took = self
            .exporter
            .wait_for_metrics(&[failing, &failure], within + BUSY_MACHINE_ALLOWANCE)
            .await;
        println!("{mode} reported after {:.1} s", took.as_secs_f64());
        let metrics = self.exporter.metrics().await;
        let shown = metrics
            .lines()
            .filter(|line| line.starts_with(r#"castai_health_failure{check="apiserver""#))
            .count();
        assert_eq!(shown, 1, "{metrics}");
    }
}

#[tokio::test]
async fn apiserver_pause_kill_and_restart_are_detected() {
    let bed = ApiserverBed::start(1).await;
    let name = bed.cluster.api_servers()[0].name.clone();
    bed.cluster.pause(&name).await.unwrap();
    bed.wait_for_mode("tls_handshake_timeout", DETECTION_TIMEOUT)
        .await;
    bed.cluster.resume(&name).await.unwrap();
    bed.wait_until_healthy().await;
    bed.cluster.kill(&name).await.unwrap();
    bed.wait_for_mode("net_refused", DETECTION_TIMEOUT).await;
    bed.cluster.revive(&name).await.unwrap();
    bed.wait_until_healthy().await;
}

#[tokio::test]
async fn deleted_service_account_and_lost_rbac_are_detected() {
    let bed = ApiserverBed::start(1).await;
    bed.cluster.revoke(&AGENT, Grant::Namespaces).await.unwrap();
    bed.wait_for_mode("k8s_rbac_forbidden", DETECTION_TIMEOUT)
        .await;
    bed.cluster.mount(&AGENT).await.unwrap();
    bed.wait_until_healthy().await;
    let token = fs::read(bed.mount.join("token")).unwrap();
    bed.cluster
        .kubectl(&[
            "delete",
            "serviceaccount",
            "--namespace",
            AGENT.namespace,
            AGENT.name,
        ])
        .await
        .unwrap();
    bed.wait_for_mode("k8s_unauthorized", DETECTION_TIMEOUT + TOKEN_CACHE)
        .await;
    bed.cluster.mount(&AGENT).await.unwrap();
    assert_ne!(fs::read(bed.mount.join("token")).unwrap(), token);
    bed.wait_until_healthy().await;
    bed.cluster
        .mount(&Account {
            token: Token::Expired,
            ..AGENT
        })
        .await
        .unwrap();
    bed.wait_for_mode("k8s_token_expired", DETECTION_TIMEOUT)
        .await;
    bed.cluster.mount(&AGENT).await.unwrap();
    bed.wait_until_healthy().await;
    fs::remove_file(bed.mount.join("token")).unwrap();
    bed.wait_for_mode("k8s_token_missing", DETECTION_TIMEOUT)
        .await;
    bed.cluster.mount(&AGENT).await.unwrap();
    bed.wait_until_healthy().await;
}

#[tokio::test]
async fn untrusted_apiserver_certificates_are_detected() {
    let bed = ApiserverBed::start(1).await;
    let server = &bed.cluster.api_servers()[0];
    for (certificate, mode) in [
        (Certificate::Expired, "tls_expired"),
        (Certificate::ForeignCa, "tls_unknown_authority"),
        (
            Certificate::OtherName("other.test"),
            "tls_hostname_mismatch",
        ),
    ] {
        bed.cluster.certify(server, certificate).await.unwrap();
        bed.wait_for_mode(mode, DETECTION_TIMEOUT).await;
        bed.cluster
            .certify(server, Certificate::Valid)
            .await
            .unwrap();
        bed.wait_until_healthy().await;
    }
}

#[tokio::test]
async fn one_hanging_apiserver_of_two_is_endpoint_down() {
    let bed = ApiserverBed::start(2).await;
    for server in bed.cluster.api_servers() {
        bed.cluster.pause(&server.name).await.unwrap();
        bed.wait_for_mode("k8s_endpoint_down", DETECTION_TIMEOUT)
            .await;
        bed.cluster.resume(&server.name).await.unwrap();
        bed.wait_until_healthy().await;
    }
}

#[tokio::test]
async fn losing_both_apiservers_one_by_one_is_detected() {
    let bed = ApiserverBed::start(2).await;
    let [first, second] = bed.cluster.api_servers() else {
        panic!("two API servers were started")
    };
    bed.cluster.kill(&second.name).await.unwrap();
    bed.wait_for_mode("k8s_endpoint_down", DETECTION_TIMEOUT)
        .await;
    bed.cluster.kill(&first.name).await.unwrap();
    bed.wait_for_mode("net_refused", DETECTION_TIMEOUT).await;
    bed.cluster.revive(&second.name).await.unwrap();
    bed.cluster.revive(&first.name).await.unwrap();
    bed.wait_until_healthy().await;
}

#[tokio::test]
async fn expired_certificate_on_one_of_two_apiservers_is_detected() {
    let bed = ApiserverBed::start(2).await;
    let second = &bed.cluster.api_servers()[1];
    bed.cluster
        .certify(second, Certificate::Expired)
        .await
        .unwrap();
    bed.wait_for_mode("k8s_endpoint_down", DETECTION_TIMEOUT)
        .await;
    bed.cluster
        .certify(second, Certificate::Valid)
        .await
        .unwrap();
    bed.wait_until_healthy().await;
}

#[tokio::test]
async fn apiserver_without_etcd_is_detected() {
    let bed = ApiserverBed::start(1).await;
    bed.cluster.pause("etcd").await.unwrap();
    bed.wait_for_mode("k8s_etcd_error", DETECTION_TIMEOUT).await;
    let evidence = bed.exporter.evidence(CheckId::Apiserver).await;
    assert!(
        evidence.contains("/version responds") && evidence.contains("/readyz?verbose"),
        "{evidence}"
    );
    bed.cluster.resume("etcd").await.unwrap();
    bed.wait_until_healthy().await;
}

#[tokio::test]
async fn without_endpointslice_permission_the_service_address_is_probed() {
    let bed = ApiserverBed::of(
        &Account {
            grants: &[Grant::Namespaces],
            ..AGENT
        },
        2,
    )
    .await;
    let [first, second] = bed.cluster.api_servers() else {
        panic!("two API servers were started")
    };
    assert!(
        !bed.exporter
            .metrics()
            .await
            .contains(&second.host.to_string())
    );
    bed.cluster.pause(&first.name).await.unwrap();
    bed.wait_for_mode("tls_handshake_timeout", DETECTION_TIMEOUT)
        .await;
}

#[tokio::test]
async fn kubeconfig_suffices_outside_the_cluster() {
    let bed = ApiserverBed::with_a_kubeconfig().await;
    let server = &bed.cluster.api_servers()[0];
    bed.cluster.pause(&server.name).await.unwrap();
    bed.wait_for_mode("tls_handshake_timeout", DETECTION_TIMEOUT)
        .await;
    bed.cluster.resume(&server.name).await.unwrap();
    bed.wait_until_healthy().await;
}
