//! Patches of the agent and other workloads.

use castai_health_exporter::catalogue::{CheckId, FailureMode as M};
use serde_json::{Value, json};

use super::WorkloadFault;
use crate::node::node_cluster::STAND_IN_IMAGE;

/// Returns a patch of a Deployment's pod template.
pub(super) fn template(pod: &Value) -> Value {
    json!({ "spec": { "template": { "spec": pod } } })
}

/// Returns a pod template in which the agent runs this script.
pub(super) fn agent(words: &[&str]) -> Value {
    container(json!({ "args": words }))
}

/// Returns a pod template with a changed agent container.
pub(super) fn container(mut change: Value) -> Value {
    change["name"] = "agent".into();
    json!({ "containers": [change] })
}

/// Returns an agent variable whose source does not exist.
pub(super) fn variable(from: &str, name: &str) -> Value {
    let key = json!({ "name": name, "key": "none" });
    container(json!({ "env": [{ "name": "EXTRA", "valueFrom": { from: key } }] }))
}

pub(super) fn workload(mode: M, pod: Value, evidence: &'static [&'static str]) -> WorkloadFault {
    WorkloadFault {
        pod,
        root: (CheckId::AgentWorkload, mode),
        also: &[],
        evidence,
    }
}

/// Returns a CAST AI Deployment other than the agent.
pub(super) fn deployment(name: &str, container: &str, words: &[&str]) -> Value {
    let labels = json!({ "app.kubernetes.io/name": name });
    let container = json!({
        "name": container, "image": STAND_IN_IMAGE, "imagePullPolicy": "Never", "args": words,
        "resources": { "limits": { "memory": "32Mi" } },
        "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
    });
    let unprivileged =
        json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name, "namespace": "castai-agent" },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "terminationGracePeriodSeconds": 1, "securityContext": unprivileged, "containers": [container] },
            },
        },
    })
}

pub(super) fn image(mode: M, image: &str, policy: &str) -> WorkloadFault {
    workload(
        mode,
        container(json!({ "image": image, "imagePullPolicy": policy })),
        &["castai-agent-", "none:1"],
    )
}

/// Returns a registry that rejects every pull, over plain HTTP as the node's containerd is
/// configured.
pub(super) fn registry() -> Value {
    let container = json!({ "name": "registry", "image": STAND_IN_IMAGE, "imagePullPolicy": "Never", "args": ["registry"] });
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "registry", "namespace": "default" },
        "spec": { "hostNetwork": true, "containers": [container] },
    })
}
