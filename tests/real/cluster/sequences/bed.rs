//! The test bed of a sequence: the lab with a real control plane in place of its API server, a
//! simulated agent in it, and the exporter's binary as its sidecar.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use castai_health_exporter::catalogue::CheckId;
use lab::apiserver::workload::IMAGE;
use lab::{Kubelet, Pki};
use serde_json::{Value, json};
use test_support::exporter::Exporter;
use test_support::lab_cluster::LabCluster;
use test_support::sequence::Credentials;

use super::admin::{Admin, Change};
use super::agent::Agent;
use super::faults::RealFault;
use super::node::node;
use crate::cluster::AGENT;
use crate::cluster::faults::NODE_LIFECYCLE_OFF;
use crate::support::cluster::{Account, ApiServer, Cluster};
use crate::support::helm::{AGENT_CHART, Helm};

pub(in crate::cluster) const NODE: &str = "/api/v1/nodes/node-1";
pub(in crate::cluster) const ROLE: &str =
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/castai-agent";
pub(in crate::cluster) const DEPLOYMENT: &str =
    "/apis/apps/v1/namespaces/castai-agent/deployments/castai-agent";
pub(in crate::cluster) const SECRET: &str = "/api/v1/namespaces/castai-agent/secrets/castai-agent";
/// Permissions of a sidecar in addition to those of the agent.
const SIDECAR_ROLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/kustomize/rbac.yaml");
/// Name of the API server, at the address of its service.
const SERVICE_NAME: &str = "kubernetes.default";
/// The agent's account. Its permissions come from the chart.
pub(in crate::cluster) const ACCOUNT_OF_AGENT: Account<'_> = Account {
    grants: &[],
    ..AGENT
};

pub(in crate::cluster) struct SequenceBed {
    pub(in crate::cluster) exporter: Exporter,
    pub(in crate::cluster) lab: LabCluster,
    pub(in crate::cluster) cluster: Cluster,
    pub(in crate::cluster) admin: Admin,
    _kubelet: Kubelet,
    pub(in crate::cluster) mount: PathBuf,
    /// The agent's Deployment, its Secret and the rules of its `ClusterRole`, as installed.
    pub(in crate::cluster) deployment: Value,
    pub(in crate::cluster) secret: Value,
    pub(in crate::cluster) rules: Value,
    pub(in crate::cluster) agent: Agent,
    pub(in crate::cluster) fault: Option<RealFault>,
}

impl SequenceBed {
    pub(in crate::cluster) async fn start(credentials: Credentials) -> Self {
        Self::of(credentials.start_lab()).await
    }

    /// Starts the test bed with this lab.
    pub(in crate::cluster) async fn of(lab: LabCluster) -> Self {
        let cluster = Cluster::start_servers_with(2, &[NODE_LIFECYCLE_OFF])
            .await
            .unwrap();
        let admin = Admin::start(&cluster).await;
        let kubelet = Kubelet::start(
            &Pki::new("kubelet"),
            SocketAddr::from(([127, 0, 0, 1], 0)),
            lab.api.logs(),
        )
        .unwrap();
        install_agent(&cluster, &lab).await;
        register_node(&admin, &node(kubelet.addr())).await;
        let mount = cluster.mount(&ACCOUNT_OF_AGENT).await.unwrap();
        let deployment = as_created(admin.get(0, DEPLOYMENT).await.unwrap());
        let secret = as_created(admin.get(0, SECRET).await.unwrap());
        let rules = admin.get(0, ROLE).await.unwrap()["rules"].clone();
        let exporter = start_exporter(&lab, &cluster, &mount).await;
        Self {
            exporter,
            lab,
            cluster,
            admin,
            _kubelet: kubelet,
            mount,
            deployment,
            secret,
            rules,
            agent: Agent::new(),
            fault: None,
        }
    }
}

/// Installs the agent with its chart, and the additional permissions of a sidecar.
async fn install_agent(cluster: &Cluster, lab: &LabCluster) {
    let values = json!({
        "image": IMAGE, "replicas": 1,
        "apiURL": lab.env["API_URL"], "apiKey": lab.env["API_KEY"],
    });
    let path = cluster.path().join("agent.json");
    fs::write(&path, values.to_string()).unwrap();
    let install = [
        "install",
        "castai-agent",
        AGENT_CHART,
        "--namespace",
        "castai-agent",
    ];
    let install = [
        &install[..],
        &["--create-namespace", "-f", path.to_str().unwrap()],
    ]
    .concat();
    Helm::latest().on(cluster, &install).await.unwrap();
    cluster
        .kubectl(&["apply", "-f", SIDECAR_ROLES])
        .await
        .unwrap();
}

async fn register_node(admin: &Admin, node: &Value) {
    admin.change("/api/v1/nodes", Change::Create(node)).await;
    let status = json!({ "status": node["status"] });
    admin
        .change(&format!("{NODE}/status"), Change::Patch(&status))
        .await;
    // The controller that removes the taint of a new node is off.
    let untainted = json!({ "spec": { "taints": [] } });
    admin.change(NODE, Change::Patch(&untainted)).await;
}

/// Returns an object as it can be created again.
pub(in crate::cluster) fn as_created(mut object: Value) -> Value {
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| ["name", "namespace", "labels", "annotations"].contains(&&**field));
    object
}

/// Starts the exporter with the lab's configuration beside this control plane, with short intervals.
async fn start_exporter(lab: &LabCluster, cluster: &Cluster, mount: &Path) -> Exporter {
    let host = cluster.api_servers()[0].host;
    lab.dns.add(SERVICE_NAME, host);
    let mut env = lab.env.clone();
    let service = [
        ("KUBERNETES_SERVICE_HOST", host.to_string()),
        ("KUBERNETES_SERVICE_PORT", ApiServer::LINK.to_string()),
    ];
    env.extend(service.map(|(name, value)| (name.to_owned(), value)));
    let mut file: Value = serde_saphyr::from_str(&lab.file).unwrap();
    file["apiserver"] = json!({
        "service_account_dir": mount,
        "dns_name": format!("{SERVICE_NAME}:{}", ApiServer::LINK),
    });
    for check in CheckId::ALL {
        let settings = &mut file["checks"][check.label()];
        settings["interval"] = json!("1s");
        if let Some(timeouts) = settings["timeouts"].as_object_mut() {
            timeouts.values_mut().for_each(|limit| *limit = json!("2s"));
        }
    }
    let path = cluster.path().join("exporter.yaml");
    fs::write(&path, file.to_string()).unwrap();
    Exporter::start(&env, &path).await
}
