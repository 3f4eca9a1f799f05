//! The objects that the chart `castai-agent` creates with its default values.
//!
//! Source: the chart's templates and values, version 0.153 (`deployment.yaml`,
//! `clustervpa-deployment.yaml`, `rbac.yaml`, `resource-quota.yaml`). What admission does not look
//! at, such as probes, is left out.

use serde_json::{Value, json};

use crate::catalogue::agent_permission::{AGENT_PERMISSIONS, AgentScope};
use crate::config::Installation;

/// Number of the agent's pods.
const REPLICAS: u32 = 2;
/// Where the agent's image is published, without a tag.
pub(super) const AGENT_IMAGE: &str = "us-docker.pkg.dev/castai-hub/library/agent";
/// The image that adjusts the agent's memory to the size of the cluster.
const AUTOSCALER_IMAGE: &str = "registry.k8s.io/cpa/cpvpa:v0.8.4";
/// The priority class of all pods.
const PRIORITY_CLASS: &str = "system-cluster-critical";
/// Namespace in which the agent reads `ConfigMap`s besides its own.
const KUBE_SYSTEM: &str = "kube-system";

/// The names in the objects.
pub(super) struct Names<'a> {
    pub(super) installation: &'a Installation,
    pub(super) service_account: &'a str,
    pub(super) image: &'a str,
}

impl Names<'_> {
    /// Returns all objects, in the order in which Helm creates them.
    pub(super) fn objects(&self) -> Vec<Value> {
        let Names {
            installation,
            service_account: account,
            ..
        } = self;
        let (namespace, name) = (&installation.namespace, &installation.deployment);
        let object = |api_version: &str, kind: &str, name: &str, namespace: Option<&str>| {
            json!({
                "apiVersion": api_version, "kind": kind,
                "metadata": { "name": name, "namespace": namespace, "labels": self.labels(name) },
            })
        };
        let own = Some(namespace.as_str());
        let rbac = "rbac.authorization.k8s.io/v1";
        vec![
            object("v1", "Namespace", namespace, None),
            self.quota(),
            with(
                object("policy/v1", "PodDisruptionBudget", name, own),
                "spec",
                json!({ "maxUnavailable": 1 }),
            ),
            object("v1", "ServiceAccount", account, own),
            object("v1", "Secret", name, own),
            object("v1", "ConfigMap", &format!("{name}-autoscaler"), own),
            with(
                object(rbac, "ClusterRole", account, None),
                "rules",
                cluster_rules(),
            ),
            object(rbac, "ClusterRoleBinding", account, None),
            object(rbac, "Role", account, own),
            object(rbac, "RoleBinding", account, own),
            object(rbac, "Role", account, Some(KUBE_SYSTEM)),
            object(rbac, "RoleBinding", account, Some(KUBE_SYSTEM)),
            self.agent(),
            self.autoscaler(),
        ]
    }

    fn labels(&self, name: &str) -> Value {
        json!({
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/instance": self.installation.release.as_deref().unwrap_or("castai-agent"),
            "app.kubernetes.io/managed-by": "Helm",
        })
    }

    /// Lets pods of the priority class into the namespace where a cluster limits them.
    fn quota(&self) -> Value {
        let Installation {
            namespace,
            deployment,
            ..
        } = self.installation;
        json!({
            "apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": { "name": format!("{deployment}-critical-pods"), "namespace": namespace },
            "spec": { "scopeSelector": { "matchExpressions": [
                { "operator": "In", "scopeName": "PriorityClass", "values": [PRIORITY_CLASS] },
            ] } },
        })
    }

    fn agent(&self) -> Value {
        let shared = json!([{ "name": "shared-metadata", "mountPath": "/agent-metadata" }]);
        let agent = json!({
            "name": "agent", "image": self.image,
            // The autoscaler sets memory from 2Gi upwards, by the size of the cluster: see
            // `pod_admission::ASSUMED_MEMORY`.
            "resources": {
                "requests": { "cpu": "100m", "memory": "2Gi" },
                "limits": { "cpu": "1000m", "memory": "2Gi" },
            },
            "ports": [{ "name": "healthz", "containerPort": 9876 }, { "name": "metrics", "containerPort": 9877 }],
            "securityContext": container_security(), "volumeMounts": shared,
        });
        let monitor = json!({
            "name": "monitor", "image": self.image,
            "resources": { "requests": { "cpu": "100m", "memory": "128Mi" } },
            "securityContext": container_security(), "volumeMounts": shared,
        });
        let volumes = json!([{ "name": "shared-metadata", "emptyDir": {} }]);
        let name = &self.installation.deployment;
        self.deployment(name, REPLICAS, &json!([agent, monitor]), &volumes)
    }

    fn autoscaler(&self) -> Value {
        let name = format!("{}-cpvpa", self.installation.deployment);
        let container = json!({
            "name": "autoscaler", "image": AUTOSCALER_IMAGE,
            "securityContext": container_security(),
            "volumeMounts": [{ "name": "autoscaler-config", "mountPath": "/etc/config" }],
        });
        let map = format!("{}-autoscaler", self.installation.deployment);
        let volumes = json!([{ "name": "autoscaler-config", "configMap": { "name": map } }]);
        self.deployment(&name, 1, &json!([container]), &volumes)
    }

    fn deployment(&self, name: &str, replicas: u32, containers: &Value, volumes: &Value) -> Value {
        let labels = self.labels(name);
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": name, "namespace": self.installation.namespace, "labels": labels },
            "spec": {
                "replicas": replicas,
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": {
                        "priorityClassName": PRIORITY_CLASS,
                        "serviceAccountName": self.service_account,
                        "shareProcessNamespace": true,
                        "tolerations": [{ "key": "CriticalAddonsOnly", "operator": "Exists" }],
                        "securityContext": {
                            "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                            "seccompProfile": { "type": "RuntimeDefault" },
                        },
                        "containers": containers,
                        "volumes": volumes,
                    },
                },
            },
        })
    }
}

fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

fn container_security() -> Value {
    json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    })
}

/// Returns the rules of the agent's `ClusterRole`: who creates it must hold them all.
fn cluster_rules() -> Value {
    let cluster_wide = AGENT_PERMISSIONS
        .iter()
        .filter(|permission| permission.scope == AgentScope::Cluster);
    let rule = |(group, resource): (&str, &str)| json!({ "apiGroups": [group], "resources": [resource], "verbs": ["get", "list", "watch"] });
    cluster_wide
        .map(|permission| rule((permission.group, permission.resource)))
        .collect()
}
