//! A cluster with a real node, a stand-in for the agent, and a simulated CAST AI that pods can
//! reach.

mod network;
mod prometheus;
mod sidecars;

use std::fs;
use std::path::Path;
use std::time::Duration;

use lab::{CastAi, Pki};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::exporter::Exporter;
use test_support::lab_cluster::CASTAI;
use tokio::process::Command;

use crate::node::image;
use crate::support::cluster::{Account, Cluster, ClusterError, Token};
use crate::support::helm::{AGENT_CHART, CHART, Helm};
use crate::support::pages;
use crate::support::shell::Shell;

pub(super) const NAMESPACE: &str = "castai-agent";
/// Image of the stand-in for CAST AI's programs.
pub(super) const STAND_IN_IMAGE: &str = "local.test/stand-in:1";
const AGENT_POD_SELECTOR: &str = "app.kubernetes.io/name=castai-agent";
/// The node's address, at which this machine publishes servers for pods.
const NODE: &str = "10.77.0.1";
/// A poll of the companion every 15 s, a slow check every minute, and a busy machine.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Speed-up of the rules: the fastest alert fires after 4 s.
const RULE_SPEEDUP: u32 = 30;
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// Longest line in the message of a failed test; hostile objects have longer ones.
const MAX_LINE_CHARACTERS: usize = 400;
/// Short intervals for the checks that the faults affect, so that a test takes minutes.
const SHORT_INTERVALS: [&str; 6] = [
    "agent_workload",
    "agent_health",
    "agent_log",
    "cluster_controller",
    "components",
    "image_pull",
];

/// A cluster with a node.
pub(super) struct NodeCluster {
    pub(super) castai: CastAi,
    cluster: Cluster,
    public: Pki,
    shell: Shell,
    dir: TempDir,
}

impl NodeCluster {
    /// Starts a cluster with the image and a namespace with quota and limit range.
    pub(super) async fn start() -> Self {
        let cluster = Self::start_without_image().await;
        cluster.import().await;
        for (kind, spec) in [
            (
                "ResourceQuota",
                json!({ "hard": { "limits.cpu": "9", "limits.memory": "9Gi", "requests.cpu": "9", "requests.memory": "9Gi" } }),
            ),
            (
                "LimitRange",
                json!({ "limits": [{ "type": "Container", "min": { "memory": "16Mi" }, "max": { "cpu": "2" } }] }),
            ),
        ] {
            let metadata = json!({ "name": "bounds", "namespace": NAMESPACE });
            cluster.apply(
                &json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec }),
            )
            .await;
        }
        cluster
    }

    /// Starts a cluster with only the agent's namespace.
    pub(super) async fn start_without_image() -> Self {
        let cluster = Cluster::start_with_node().await.unwrap();
        let public = Pki::new("Lab Public Root");
        let castai = CastAi::start(&public, lab::castai::Options::default()).unwrap();
        let port = castai.addr().port();
        cluster
            .control(&format!("publish {port} {}", castai.addr()))
            .await
            .unwrap();
        let shell = Shell::new(&cluster);
        let cluster = Self {
            castai,
            cluster,
            public,
            shell,
            dir: TempDir::new().unwrap(),
        };
        cluster.resolve_castai(true);
        cluster.cluster.load_stand_in(STAND_IN_IMAGE).await.unwrap();
        let restricted = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": NAMESPACE, "labels": { "pod-security.kubernetes.io/enforce": "restricted" },
        }});
        cluster.apply(&restricted).await;
        cluster
    }

    /// Imports the image into the node's containerd under two names: the chart's tag and the
    /// README's.
    async fn import(&self) {
        let socket = self.cluster.path().join("node/containerd.sock");
        let imported = Command::new("ctr")
            .arg("--address")
            .arg(&socket)
            .args([
                "--namespace",
                "k8s.io",
                "images",
                "import",
                "--base-name",
                image::IMAGE_NAME,
            ])
            .arg(image::archive())
            .output()
            .await
            .unwrap();
        assert!(
            imported.status.success(),
            "{}",
            String::from_utf8_lossy(&imported.stderr)
        );
    }

    /// Runs a block of the documentation and returns its output.
    pub(super) async fn run_block(&self, name: &str) -> String {
        match self.shell.run(&pages::block(name)).await {
            Ok(printed) => printed,
            Err(error) => panic!("{name}: {error}\n{}", self.state().await),
        }
    }

    /// Runs commands in the documentation's shell and returns their output, or their error output.
    pub(super) async fn run(&self, commands: &str) -> Result<String, String> {
        self.shell.run(commands).await
    }

    /// Returns the administrator's kubeconfig.
    pub(super) fn kubeconfig(&self) -> &Path {
        self.cluster.kubeconfig()
    }

    /// Installs or upgrades the agent's stand-in, without AWS calls, and waits for its pods.
    pub(super) async fn agent(&self, helm: &Helm, values: &[&str]) {
        let written = json!({
            "apiURL": format!("https://{CASTAI}:{}", self.castai.addr().port()),
            "apiKey": lab::API_KEY,
            "env": {
                "TLS_CA_CERT_FILE": self.public.ca_pem(),
                "STATIC_CLUSTER_ID": lab::CLUSTER_ID,
                "EKS_ACCOUNT_ID": "123456789012",
                "EKS_REGION": "eu-central-1",
                "EKS_CLUSTER_NAME": "lab",
                "EKS_API_NODE_LIFECYCLE_DISCOVERY_ENABLED": "false",
            },
        });
        let path = self.dir.path().join("agent.json");
        fs::write(&path, written.to_string()).unwrap();
        let mut arguments = vec![
            "upgrade",
            "--install",
            "castai-agent",
            AGENT_CHART,
            "-f",
            path.to_str().unwrap(),
        ];
        arguments.extend(values.iter().flat_map(|value| ["--set", *value]));
        self.helm(helm, &arguments).await;
    }

    /// Installs one agent that reports itself healthy and delivers.
    pub(super) async fn healthy_agent(&self, helm: &Helm) {
        let image = format!("image={STAND_IN_IMAGE}");
        let values = ["replicas=1", &image, "env.LEADER_ELECTION_ENABLED=false"];
        self.agent(helm, &values).await;
        let container = json!({ "name": "agent", "args": ["serve", "200"] });
        let patch = json!({ "spec": { "template": { "spec": { "containers": [container] } } } });
        let deployment = "deployment/castai-agent";
        self.kubectl(&["patch", deployment, &format!("--patch={patch}")])
            .await;
        self.kubectl(&["rollout", "status", deployment, "--timeout=60s"])
            .await;
    }

    /// Installs or upgrades our chart with these values.
    pub(super) async fn exporter(&self, helm: &Helm, values: &[&str]) {
        let repository = format!("image.repository={}", image::IMAGE_NAME);
        let mut arguments = vec![
            "upgrade",
            "--install",
            "castai-health-exporter",
            CHART,
            "--set",
            &repository,
        ];
        arguments.extend(values.iter().flat_map(|value| ["--set", *value]));
        self.helm(helm, &arguments).await;
    }

    /// Starts the test build of the program in the node's network, with the companion's account and
    /// permissions.
    pub(super) async fn companion(&self, helm: &Helm) -> Exporter {
        // The chart creates account and permissions; its own pod stays unschedulable.
        self.exporter(helm, &["nodeSelector.pool=none"]).await;
        let account = Account {
            namespace: NAMESPACE,
            name: "castai-health-exporter",
            token: Token::Valid,
            grants: &[],
        };
        let mount = self.cluster.mount(&account).await.unwrap();
        let folder = self.dir.path();
        let secret = folder.join("mounts/secrets/castai-agent");
        fs::create_dir_all(&secret).unwrap();
        fs::write(secret.join("API_KEY"), lab::API_KEY).unwrap();
        fs::write(folder.join("resolv.conf"), format!("nameserver {NODE}\n")).unwrap();
        let quick = SHORT_INTERVALS
            .map(|check| format!("{check}: {{ interval: 3s }}"))
            .join(", ");
        let file = folder.join("exporter.yaml");
        let text = format!(
            "vantage: companion\n\
             apiserver: {{ service_account_dir: {}, dns_name: 'kubernetes.default.svc.cluster.local' }}\n\
             agent: {{ namespace: {NAMESPACE}, mounts: mounts }}\n\
             dns: {{ resolv_conf: resolv.conf }}\n\
             checks: {{ {quick} }}\n",
            mount.display(),
        );
        fs::write(&file, text).unwrap();
        let service = self
            .get(&["service", "kubernetes", "--namespace=default"])
            .await;
        let address = service["spec"]["clusterIP"].as_str().unwrap().to_owned();
        let env = [
            ("KUBERNETES_SERVICE_HOST".to_owned(), address),
            ("KUBERNETES_SERVICE_PORT".to_owned(), "443".to_owned()),
        ];
        let exporter = Exporter::start_in_network_of(&self.init(), &env.into(), &file).await;
        let address = self.control(&format!("open {}", exporter.address())).await;
        exporter.with_address(address)
    }

    /// Sends a control request to the cluster.
    pub(super) async fn control(&self, request: &str) -> String {
        self.cluster.control(request).await.unwrap()
    }

    pub(super) async fn helm(&self, helm: &Helm, arguments: &[&str]) {
        let ran = self.try_helm(helm, arguments).await;
        ran.unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    }

    pub(super) async fn try_helm(&self, helm: &Helm, arguments: &[&str]) -> Result<String, String> {
        let arguments = [arguments, &["--namespace", NAMESPACE]].concat();
        helm.on(&self.cluster, &arguments).await
    }

    pub(super) async fn kubectl(&self, arguments: &[&str]) -> String {
        match self.try_kubectl(arguments).await {
            Ok(evidence) => evidence,
            Err(error) => panic!("{error}\n{}", self.state().await),
        }
    }

    pub(super) async fn try_kubectl(&self, arguments: &[&str]) -> Result<String, ClusterError> {
        let namespaced = [["--namespace", NAMESPACE].as_slice(), arguments].concat();
        self.cluster.kubectl(&namespaced).await
    }

    pub(super) async fn apply(&self, object: &Value) {
        let path = self.write("object.json", object);
        self.cluster.kubectl(&["apply", "-f", &path]).await.unwrap();
    }

    /// Creates objects, which may be too large for the annotation that `apply` adds.
    pub(super) async fn create(&self, objects: Vec<Value>) {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        let path = self.write("objects.json", &list);
        let create = ["create", "--validate=false", "-oname", "-f", &path];
        self.cluster.kubectl(&create).await.unwrap();
    }

    /// Writes a file in the folder of this test, and returns its path.
    pub(super) fn write(&self, name: &str, content: &Value) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(super) async fn get(&self, what: &[&str]) -> Value {
        serde_json::from_str(
            &self
                .kubectl(&[["get", "-ojson"].as_slice(), what].concat())
                .await,
        )
        .unwrap()
    }

    /// Returns the state of the cluster for the message of a failed test.
    pub(super) async fn state(&self) -> String {
        let of = ["get", "pods,events", "--namespace", NAMESPACE, "-owide"];
        let mut text = self
            .cluster
            .kubectl(&of)
            .await
            .unwrap_or_else(|error| error.to_string());
        let log = [
            "logs",
            "--namespace",
            NAMESPACE,
            "deploy/castai-health-exporter",
            "--tail=30",
        ];
        text.push_str(
            &self
                .cluster
                .kubectl(&log)
                .await
                .unwrap_or_else(|error| error.to_string()),
        );
        let cut = |line: &str| line.chars().take(MAX_LINE_CHARACTERS).collect::<String>();
        text.lines().map(cut).collect::<Vec<_>>().join("\n")
    }

    /// Returns the agent's Deployment without the counters that controllers write.
    pub(super) async fn deployment(&self) -> String {
        let object = self.get(&["deployment", "castai-agent"]).await;
        json!({ "labels": object["metadata"]["labels"], "spec": object["spec"] }).to_string()
    }

    /// Returns the names of the pods that are not terminating.
    pub(super) async fn pods(&self, selector: &str) -> Vec<String> {
        let list = self.get(&["pods", "-l", selector]).await;
        let pods = list["items"].as_array().unwrap().iter();
        let stay = pods.filter(|pod| pod["metadata"].get("deletionTimestamp").is_none());
        stay.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(super) async fn agents_pods(&self) -> Vec<String> {
        self.pods(AGENT_POD_SELECTOR).await
    }

    pub(super) async fn containers(&self, pod: &str) -> Vec<String> {
        let pod = self.get(&["pod", pod]).await;
        let containers = pod["spec"]["containers"].as_array().unwrap().iter();
        containers
            .map(|container| container["name"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(super) async fn restarts(&self, pod: &str) -> u64 {
        let pod = self.get(&["pod", pod]).await;
        let containers = pod["status"]["containerStatuses"]
            .as_array()
            .unwrap()
            .iter();
        containers
            .map(|container| container["restartCount"].as_u64().unwrap())
            .sum()
    }
}
