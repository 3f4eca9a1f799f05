//! Commands that need an API server and no node.

use std::fs;

use castai_health_exporter::catalogue::FailureMode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::cluster::Cluster;
use crate::support::crds;
use crate::support::helm::{AGENT_CHART, Helm};
use crate::support::pages::block;
use crate::support::shell::Shell;

pub(super) const ON_A_CLUSTER: &[&str] = &[
    "kube-prometheus-stack",
    "monitoring",
    "another namespace",
    "recover",
    "server-side apply",
    "kustomize",
    "uninstall",
    "explain mode",
];

/// A cluster with the CRDs of the Prometheus Operator and an agent whose pods never run.
struct Commands {
    cluster: Cluster,
    shell: Shell,
}

impl Commands {
    async fn start() -> Self {
        let cluster = Cluster::start(1).await.unwrap();
        let dir = TempDir::new().unwrap();
        for crd in crds::all() {
            let path = dir.path().join("crd.yaml");
            fs::write(&path, crd).unwrap();
            let apply = ["apply", "--server-side", "-f", path.to_str().unwrap()];
            cluster.kubectl(&apply).await.unwrap();
        }
        let established = ["wait", "crd", "--all", "--for=condition=Established"];
        cluster.kubectl(&established).await.unwrap();
        let create = ["create", "namespace", "castai-agent"];
        cluster.kubectl(&create).await.unwrap();
        let install = ["install", "castai-agent", AGENT_CHART, "-n", "castai-agent"];
        Helm::latest().on(&cluster, &install).await.unwrap();
        let shell = Shell::new(&cluster);
        Self { cluster, shell }
    }

    /// Runs the block with this name.
    async fn run(&self, name: &str) -> String {
        self.shell
            .run(&block(name))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    async fn get(&self, what: &[&str]) -> Value {
        let arguments = [&["get", "-ojson", "-n", "castai-agent"], what].concat();
        serde_json::from_str(&self.cluster.kubectl(&arguments).await.unwrap()).unwrap()
    }

    async fn names(&self, kind: &str) -> Vec<String> {
        let list = self.get(&[kind]).await;
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test]
async fn two_blocks_install_alerts_and_dashboards_for_kube_prometheus_stack() {
    for upgrade in ["kube-prometheus-stack", "monitoring"] {
        let commands = Commands::start().await;
        commands.run("install").await;
        commands.run(upgrade).await;
        let monitor = commands
            .get(&[
                "podmonitors.monitoring.coreos.com",
                "castai-health-exporter",
            ])
            .await;
        assert_eq!(
            monitor["metadata"]["labels"]["release"],
            "kube-prometheus-stack"
        );
        assert!(commands.names("prometheusrule").await.len() > 5);
        let dashboards = commands
            .get(&["configmap", "-l", "grafana_dashboard=1"])
            .await;
        assert_eq!(dashboards["items"].as_array().unwrap().len(), 2);
        commands.run("uninstall").await;
        assert!(commands.names("prometheusrule").await.is_empty());
    }
}

#[tokio::test]
async fn companion_is_installed_in_another_namespace() {
    let commands = Commands::start().await;
    commands.run("another namespace").await;
    let deployment = ["deployment", "castai-health-exporter", "-n", "monitoring"];
    let deployment = commands.get(&deployment).await;
    let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(
        arguments
            .as_array()
            .unwrap()
            .contains(&json!("--agent.namespace=castai-agent"))
    );
}

#[tokio::test]
async fn policy_of_the_sidecar_is_deleted() {
    let commands = Commands::start().await;
    let install = format!("{} --set sidecar.enabled=true", block("install").trim_end());
    commands.shell.run(&install).await.unwrap();
    let policies = "mutatingadmissionpolicy";
    assert_eq!(commands.names(policies).await, ["castai-health-exporter"]);
    commands.run("recover").await;
    assert!(commands.names(policies).await.is_empty());
}

#[tokio::test]
async fn server_side_apply_adds_and_removes_the_container() {
    let commands = Commands::start().await;
    let containers = async || {
        let deployment = commands.get(&["deployment", "castai-agent"]).await;
        let containers = &deployment["spec"]["template"]["spec"]["containers"];
        containers.as_array().unwrap().len()
    };
    let before = containers().await;
    let text = block("server-side apply");
    let (add, remove) = text.trim_end().split_once('\n').unwrap();
    commands.shell.run(add).await.unwrap();
    assert_eq!(containers().await, before + 1);
    commands.shell.run(remove).await.unwrap();
    assert_eq!(containers().await, before);
}

#[tokio::test]
async fn kustomization_adds_the_container() {
    let commands = Commands::start().await;
    let dir = TempDir::new().unwrap();
    let manifest = Helm::latest()
        .offline(&[
            "template",
            "castai-agent",
            AGENT_CHART,
            "-n",
            "castai-agent",
        ])
        .await
        .unwrap();
    fs::write(dir.path().join("agent.yaml"), manifest).unwrap();
    fs::write(dir.path().join("kustomization.yaml"), block("kustomize")).unwrap();
    let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");
    let copy = format!(
        "cp -r {deploy} {0}/deploy && kubectl kustomize {0}",
        dir.path().display()
    );
    let built = commands.shell.run(&copy).await.unwrap();
    assert!(
        built.contains("image: local.test/castai-health-exporter:0.1.0")
            || built.contains("image: registry.example.com/castai-health-exporter:0.1.0"),
        "{built}"
    );
}

#[tokio::test]
async fn explain_prints_a_mode() {
    let program = env!("CARGO_BIN_EXE_castai-health-exporter");
    let text = block("explain mode").replace("castai-health-exporter", program);
    let ran = std::process::Command::new("sh")
        .args(["-c", &text])
        .output()
        .unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success());
    assert!(
        printed.contains(FailureMode::NetDnsTimeout.entry().meaning),
        "{printed}"
    );
}
