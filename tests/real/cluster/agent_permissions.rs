//! Permissions that the agent loses in a real cluster, seen by a sidecar with the agent's own account
//! and by a companion with a token of it.

use std::fs;

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use serde_json::json;

use super::faults::{FaultBed, NODE_LIFECYCLE_OFF};
use super::{AGENT, ApiserverBed, BUSY_MACHINE_ALLOWANCE, DETECTION_TIMEOUT};
use crate::support::cluster::{ApiServer, Cluster};

const OK: &str = r#"castai_health_check_status{check="agent_permissions",status="ok"} 1"#;
const FAILING: &str = r#"castai_health_failure{check="agent_permissions",mode="k8s_rbac_forbidden",severity="critical",caused_by=""} 1"#;

const READ: [&str; 3] = ["get", "list", "watch"];

impl ApiserverBed {
    /// Applies the roles of the agent's chart, with these resources of the core group.
    async fn grant_agent_roles(&self, core: &[&str]) {
        let read = |group: &str, resources: &[&str]| json!({ "apiGroups": [group], "resources": resources, "verbs": READ });
        let subject =
            json!([{ "kind": "ServiceAccount", "name": AGENT.name, "namespace": AGENT.namespace }]);
        let object = |kind: &str, namespace: Option<&str>| {
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
                "metadata": { "name": "agent-chart", "namespace": namespace },
            })
        };
        let binding = |kind: &str, role: &str, namespace: Option<&str>| {
            let mut binding = object(kind, namespace);
            binding["roleRef"] = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": "agent-chart" });
            binding["subjects"] = subject.clone();
            binding
        };
        let mut cluster_role = object("ClusterRole", None);
        cluster_role["rules"] = json!([
            read("", core),
            read(
                "apps",
                &["deployments", "replicasets", "daemonsets", "statefulsets"]
            ),
            read("batch", &["jobs", "cronjobs"]),
            read("storage.k8s.io", &["storageclasses", "csinodes"]),
        ]);
        let mut role = object("Role", Some(AGENT.namespace));
        role["rules"] = json!([{
            "apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
            "verbs": ["create", "get", "list", "watch", "update"],
        }]);
        let items = json!([
            cluster_role,
            binding("ClusterRoleBinding", "ClusterRole", None),
            role,
            binding("RoleBinding", "Role", Some(AGENT.namespace)),
        ]);
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
        let path = self.cluster.path().join("agent-chart.json");
        fs::write(&path, list.to_string()).unwrap();
        let path = path.to_str().unwrap();
        self.cluster.kubectl(&["apply", "-f", path]).await.unwrap();
    }

    async fn wait_for_permissions(&self, line: &str) -> String {
        self.exporter
            .wait_for_metrics(&[line], DETECTION_TIMEOUT + BUSY_MACHINE_ALLOWANCE)
            .await;
        self.exporter.evidence(CheckId::AgentPermissions).await
    }
}

/// Resources of the core group that the chart's `ClusterRole` grants.
const CORE: [&str; 8] = [
    "nodes",
    "namespaces",
    "services",
    "events",
    "persistentvolumes",
    "persistentvolumeclaims",
    "replicationcontrollers",
    "pods",
];

#[tokio::test]
async fn sidecar_names_each_permission_that_its_account_loses() {
    let bed = ApiserverBed::start(1).await;
    // Every account may review its own permissions.
    let evidence = bed.wait_for_permissions(FAILING).await;
    assert!(
        evidence
            .starts_with("the agent's service account castai-agent/castai-agent is not allowed to"),
        "{evidence}"
    );
    bed.grant_agent_roles(&CORE).await;
    bed.wait_for_permissions(OK).await;

    let (_, without_pods) = CORE.split_last().unwrap();
    bed.grant_agent_roles(without_pods).await;
    let evidence = bed.wait_for_permissions(FAILING).await;
    assert!(
        evidence.contains("is not allowed to list, watch pods; the agent needs this"),
        "{evidence}"
    );
    // A role of the agent's namespace does not help an agent that lists all namespaces.
    bed.cluster
        .kubectl(&[
            "create",
            "role",
            "pods",
            "--verb=get,list,watch",
            "--resource=pods",
            "--namespace",
            AGENT.namespace,
        ])
        .await
        .unwrap();
    bed.cluster
        .kubectl(&[
            "create",
            "rolebinding",
            "pods",
            "--role=pods",
            "--serviceaccount=castai-agent:castai-agent",
            "--namespace",
            AGENT.namespace,
        ])
        .await
        .unwrap();
    bed.wait_for_permissions(FAILING).await;
    bed.grant_agent_roles(&CORE).await;
    bed.wait_for_permissions(OK).await;

    bed.cluster
        .kubectl(&[
            "delete",
            "rolebinding",
            "agent-chart",
            "--namespace",
            AGENT.namespace,
        ])
        .await
        .unwrap();
    let evidence = bed.wait_for_permissions(FAILING).await;
    assert!(
        evidence
            .contains("get, create, update leases.coordination.k8s.io in namespace castai-agent"),
        "{evidence}"
    );
}

#[tokio::test]
async fn companion_reports_pods_removed_from_the_cluster_role_as_the_root() {
    let bed = FaultBed::start(
        Cluster::start_with(&[NODE_LIFECYCLE_OFF]).await.unwrap(),
        ApiServer::PORT,
    )
    .await;
    let role = bed.kubectl("get clusterrole castai-agent -ojson").await;
    let role: serde_json::Value = serde_json::from_str(&role).unwrap();
    let mut rules = role["rules"].clone();
    rules[0]["resources"]
        .as_array_mut()
        .unwrap()
        .retain(|resource| resource != "pods");
    bed.patch(
        "clusterrole/castai-agent",
        &json!({ "rules": rules }),
        false,
    )
    .await;
    bed.wait_for_root(CheckId::AgentPermissions, M::K8sRbacForbidden)
        .await;
    let evidence = bed.exporter.evidence(CheckId::AgentPermissions).await;
    assert!(evidence.contains("list, watch pods"), "{evidence}");
    bed.patch(
        "clusterrole/castai-agent",
        &json!({ "rules": role["rules"] }),
        false,
    )
    .await;
    bed.wait_until_healthy().await;
}
