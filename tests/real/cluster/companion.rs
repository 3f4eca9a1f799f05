//! Tests of the companion on a real API server, with exactly the chart's permissions: it reads the
//! agent's environment, follows changes, and acts with the agent's identity.

mod aws_role;
mod permissions;
mod upgrades;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lab::aws::{Endpoint, ROLE};
use lab::{CastAi, Dns, Pki};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::exporter;
use test_support::exporter::Exporter;

use crate::support::cluster::{Account, ApiServer, Cluster, Token};
use crate::support::helm::{AGENT_CHART, CHART, Helm, IMAGE};

/// One poll of the agent every 15 s, plus an attempt.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(45);

pub(super) const NAMESPACE: &str = "castai-agent";

/// A real control plane with the agent's chart and ours, a simulated CAST AI, and the files of the
/// companion's pod.
pub(super) struct CompanionBed {
    pub(super) cluster: Cluster,
    castai: CastAi,
    public: Pki,
    _dns: Dns,
    env: BTreeMap<String, String>,
    file: PathBuf,
    dir: TempDir,
}

impl CompanionBed {
    pub(super) async fn start() -> Self {
        Self::of(Cluster::start(1).await.unwrap(), ApiServer::PORT).await
    }

    /// Starts the test bed in this cluster; the companion reaches its API server at this port.
    pub(super) async fn of(cluster: Cluster, port: u16) -> Self {
        Self::start_in_namespace(cluster, port, NAMESPACE).await
    }

    /// Starts the test bed with the companion in the namespace `own`.
    async fn start_in_namespace(cluster: Cluster, port: u16, own: &str) -> Self {
        let public = Pki::new("Lab Public Root");
        let castai = CastAi::start(&public, lab::castai::Options::default()).unwrap();
        let dns = Dns::start(
            [127, 0, 0, 53].into(),
            [("nothing.lab", [127, 0, 0, 1].into())],
        )
        .unwrap();
        let dir = TempDir::new().unwrap();
        cluster
            .kubectl(&["create", "namespace", NAMESPACE])
            .await
            .unwrap();
        let agent = format!("agent.namespace={NAMESPACE}");
        let install = [
            "install",
            "castai-health-exporter",
            CHART,
            "--namespace",
            own,
            "--create-namespace",
            "--set",
            IMAGE,
            "--set",
            &agent,
        ];
        Helm::latest().on(&cluster, &install).await.unwrap();
        let account = Account {
            namespace: own,
            name: "castai-health-exporter",
            token: Token::Valid,
            grants: &[],
        };
        let mount = cluster.mount(&account).await.unwrap();
        let host = cluster.api_servers()[0].host;
        let aws = [Endpoint::sts(), Endpoint::ec2()]
            .map(|place| format!("{} {}\n", place.addr.ip(), place.names[0]));
        fs::write(
            dir.path().join("hosts"),
            format!("{host} localhost\n{}", aws.concat()),
        )
        .unwrap();
        let file = dir.path().join("exporter.yaml");
        let text = format!(
            "apiserver: {{ service_account_dir: {}, dns_name: 'localhost:{port}' }}\n\
             agent: {{ namespace: {NAMESPACE}, mounts: mounts }}\n\
             dns: {{ hosts_file: hosts, nameservers: ['{}'] }}\n\
             vantage: companion\n\
             checks: {{ apiserver: {{ interval: 2s }}, castai_api: {{ interval: 2s }}, agent_workload: {{ interval: 2s }}, \
             agent_upgrade: {{ interval: 2s }}, agent_permissions: {{ interval: 2s }} }}\n",
            mount.display(),
            dns.addr(),
        );
        fs::write(&file, text).unwrap();
        let env = [
            ("KUBERNETES_SERVICE_HOST".to_owned(), host.to_string()),
            ("KUBERNETES_SERVICE_PORT".to_owned(), port.to_string()),
        ];
        Self {
            cluster,
            castai,
            public,
            _dns: dns,
            env: env.into(),
            file,
            dir,
        }
    }

    /// Installs or upgrades the agent without calls to AWS.
    pub(super) async fn agent(&self, helm: &Helm, url: &str) {
        self.agent_with(
            helm,
            url,
            &json!({ "env": { "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED": "false" } }),
        )
        .await;
    }

    /// Installs or upgrades the agent with additional values.
    async fn agent_with(&self, helm: &Helm, url: &str, more: &Value) {
        let mut values = json!({
            "apiURL": url,
            "apiKey": lab::API_KEY,
            "env": {
                "TLS_CA_CERT_FILE": self.public.ca_pem(),
                "EKS_ACCOUNT_ID": "123456789012",
                "EKS_REGION": "eu-central-1",
                "EKS_CLUSTER_NAME": "lab",
            },
        });
        for (name, value) in more.as_object().unwrap() {
            match value.as_object() {
                Some(variables) => values[name]
                    .as_object_mut()
                    .unwrap()
                    .extend(variables.clone()),
                None => values[name] = value.clone(),
            }
        }
        let path = self.dir.path().join("agent.json");
        fs::write(&path, values.to_string()).unwrap();
        let path = path.to_str().unwrap();
        let arguments = [
            "upgrade",
            "--install",
            "castai-agent",
            AGENT_CHART,
            "--namespace",
            NAMESPACE,
            "-f",
            path,
        ];
        helm.on(&self.cluster, &arguments).await.unwrap();
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}", self.castai.addr())
    }

    /// Writes the files that the kubelet would mount from the agent's Secret.
    pub(super) fn mount_secret(&self) {
        let folder = self.dir.path().join("mounts/secrets/castai-agent");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("API_KEY"), lab::API_KEY).unwrap();
    }

    /// Enables Kubernetes Events for exporters that start later.
    pub(super) fn enable_events(&self) {
        let file = fs::read_to_string(&self.file).unwrap();
        fs::write(&self.file, format!("{file}events: {{ enabled: true }}\n")).unwrap();
    }

    /// Returns the folder of the companion's files.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn castai(&self) -> &CastAi {
        &self.castai
    }

    pub(super) async fn exporter(&self) -> Exporter {
        Exporter::start(&self.env, &self.file).await
    }

    /// Runs `check` and returns the results by check name.
    async fn check(&self) -> BTreeMap<String, Value> {
        let report = exporter::check(&self.env, &self.file).await;
        let checks = report["checks"].as_array().unwrap();
        checks
            .iter()
            .map(|check| (check["id"].as_str().unwrap().to_owned(), check.clone()))
            .collect()
    }
}

fn status(check: &str, status: &str) -> String {
    format!(r#"castai_health_check_status{{check="{check}",status="{status}"}} 1"#)
}

fn info(environment: &str) -> String {
    format!(
        r#"castai_health_exporter_info{{vantage="companion",scope="all",agent_environment="{environment}"}} 1"#
    )
}

#[tokio::test]
async fn unmounted_secret_value_is_unknown_not_missing() {
    let bed = CompanionBed::start().await;
    bed.agent(&Helm::latest(), &bed.url()).await;
    let checks = bed.check().await;
    assert_eq!(
        checks["castai_api"]["status"], "unknown",
        "{:?}",
        checks["castai_api"]
    );
    let evidence = checks["castai_api"]["evidence"].as_str().unwrap();
    for word in [
        "is reachable",
        "API_KEY may be stored in the Secret castai-agent",
        "agent.secrets",
    ] {
        assert!(evidence.contains(word), "{word}: {evidence}");
    }
    assert_eq!(
        checks["apiserver"]["status"], "ok",
        "{:?}",
        checks["apiserver"]
    );
}

#[tokio::test]
async fn companion_in_another_namespace_sees_all_but_secrets() {
    let bed = CompanionBed::start_in_namespace(
        Cluster::start(1).await.unwrap(),
        ApiServer::PORT,
        "monitoring",
    )
    .await;
    let values = json!({ "role": lab::aws::Account::role_arn(ROLE) });
    let helm = Helm::latest();
    let absent = [
        status("apiserver", "not_applicable"),
        status("castai_api", "not_applicable"),
        info("none"),
    ];
    let seen = [
        status("apiserver", "ok"),
        status("cluster_metadata", "ok"),
        // The cluster has no node.
        status("agent_workload", "failing"),
        // Keys in the agent's Secret would override the role.
        status("sts_identity", "unknown"),
        status("castai_api", "unknown"),
        info("pod"),
    ];
    let exporter = bed.exporter().await;
    let wait_for_metrics = async |lines: &[String]| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        exporter.wait_for_metrics(&lines, FOLLOW_TIMEOUT).await
    };
    wait_for_metrics(&absent).await;
    bed.agent_with(&helm, &bed.url(), &values).await;
    wait_for_metrics(&seen).await;
    let checks = bed.check().await;
    for check in ["castai_api", "sts_identity"] {
        let evidence = checks[check]["evidence"].to_string();
        assert!(
            evidence.contains("in the agent's own namespace"),
            "{evidence}"
        );
    }
    helm.on(
        &bed.cluster,
        &["uninstall", "castai-agent", "--namespace", NAMESPACE],
    )
    .await
    .unwrap();
    wait_for_metrics(&absent).await;
}

fn modes(check: &Value) -> Vec<&str> {
    check["modes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mode| mode["mode"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn agent_with_many_pods_is_listed_in_pages() {
    let bed = CompanionBed::start().await;
    bed.mount_secret();
    // More than one page of pods, and more than one response may contain.
    let values =
        json!({ "replicas": 60, "env": { "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED": "false" } });
    bed.agent_with(&Helm::latest(), &bed.url(), &values).await;
    let pods = [
        "get",
        "pods",
        "--namespace",
        NAMESPACE,
        "--selector=app.kubernetes.io/name=castai-agent",
        "-oname",
    ];
    let began = Instant::now();
    while bed.cluster.kubectl(&pods).await.unwrap().lines().count() < 60 {
        assert!(began.elapsed() < FOLLOW_TIMEOUT, "too few pods exist");
    }
    let exporter = bed.exporter().await;
    exporter
        .wait_for_metrics(&[&info("pod"), &status("castai_api", "ok")], FOLLOW_TIMEOUT)
        .await;
}
