//! Objects of a healthy cluster with the agent, and building blocks for broken ones.

use serde_json::{Value, json};
use time::Duration;

use super::ObjectStore;
use crate::response::rfc3339;

/// The agent's namespace, and the name of its Deployment.
pub const AGENT: &str = "castai-agent";
/// The agent's current `ReplicaSet`.
pub const REPLICA_SET: &str = "castai-agent-6d8f9c7b5";
/// The agent's pod.
pub const POD: &str = "castai-agent-6d8f9c7b5-x2x4z";
/// The node of the agent's pod.
pub const NODE: &str = "node-1";
/// Interval at which leaders renew their leases.
const RENEW_INTERVAL: std::time::Duration = std::time::Duration::from_secs(2);
/// The agent's image.
pub const IMAGE: &str = "us-docker.pkg.dev/castai-hub/library/agent:v0.123.1";

/// Returns a healthy cluster: the agent with its lease, the cluster controller, the evictor, two
/// nodes.
pub fn healthy() -> Vec<Value> {
    let mut objects = deployment_with_pods(AGENT, AGENT, REPLICA_SET, &[POD], IMAGE);
    objects.extend(deployment_with_pods(
        "castai-cluster-controller",
        "cluster-controller",
        "castai-cluster-controller-7f6d5c4b3",
        &[
            "castai-cluster-controller-7f6d5c4b3-aaaaa",
            "castai-cluster-controller-7f6d5c4b3-bbbbb",
        ],
        "us-docker.pkg.dev/castai-hub/library/cluster-controller:v0.63.6",
    ));
    objects.extend(deployment_with_pods(
        "castai-evictor",
        "castai-evictor",
        "castai-evictor-5c4d3b2a1",
        &["castai-evictor-5c4d3b2a1-ccccc"],
        "us-docker.pkg.dev/castai-hub/library/evictor:0.29.1",
    ));
    objects.extend([
        node(
            NODE,
            "aws:///eu-central-1a/i-0a1b2c3d4e5f60001",
            &[("eks.amazonaws.com/capacityType", "ON_DEMAND")],
        ),
        node(
            "node-2",
            "aws:///eu-central-1b/i-0a1b2c3d4e5f60002",
            &[("eks.amazonaws.com/capacityType", "SPOT")],
        ),
    ]);
    objects.extend(LEASES.map(|(name, holder)| lease(name, holder)));
    objects
}

/// Path of the agent's service account.
pub const SERVICE_ACCOUNT_PATH: &str =
    "/api/v1/namespaces/castai-agent/serviceaccounts/castai-agent";

/// Returns the agent's service account, without a role.
pub fn service_account() -> Value {
    json!({
        "kind": "ServiceAccount", "apiVersion": "v1",
        "metadata": { "name": AGENT, "namespace": AGENT, "uid": uid("castai-agent-account") },
    })
}

/// Leases of the agent and the cluster controller, with their holders.
pub const LEASES: [(&str, &str); 2] = [
    ("agent-leader-election-lock", POD),
    (
        "cluster-controller",
        "castai-cluster-controller-7f6d5c4b3-aaaaa_5f0e",
    ),
];

/// Returns a healthy Deployment with its `ReplicaSet` and pods.
pub fn deployment_with_pods(
    name: &str,
    release: &str,
    set: &str,
    pods: &[&str],
    image: &str,
) -> Vec<Value> {
    let labels = json!({ "app.kubernetes.io/name": name, "app.kubernetes.io/instance": release });
    let replicas = pods.len();
    // The evictor's chart names its container after the release.
    let container = if name == "castai-evictor" {
        name
    } else {
        name.trim_start_matches("castai-")
    };
    let template = json!({
        "metadata": { "labels": labels },
        "spec": { "serviceAccountName": name, "containers": [{ "name": container, "image": image }] },
    });
    let deployment = json!({
        "kind": "Deployment", "apiVersion": "apps/v1",
        "metadata": {
            "name": name, "namespace": AGENT, "uid": uid(name), "generation": 3, "labels": labels,
            "annotations": {
                "deployment.kubernetes.io/revision": "3",
                "meta.helm.sh/release-name": release,
                "meta.helm.sh/release-namespace": AGENT,
            },
        },
        "spec": { "replicas": replicas, "selector": { "matchLabels": labels }, "template": template },
        "status": {
            "observedGeneration": 3, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas,
            "conditions": [
                condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
                condition("Progressing", "True", "NewReplicaSetAvailable",
                    &format!("ReplicaSet \"{set}\" has successfully progressed.")),
            ],
        },
    });
    let replica_set = json!({
        "kind": "ReplicaSet", "apiVersion": "apps/v1",
        "metadata": {
            "name": set, "namespace": AGENT, "uid": uid(set), "labels": labels,
            "annotations": { "deployment.kubernetes.io/revision": "3" },
            "ownerReferences": [owner("Deployment", name)],
        },
        "spec": { "replicas": replicas, "selector": { "matchLabels": labels }, "template": template },
        "status": { "replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas },
    });
    let pods = pods
        .iter()
        .map(|pod| self::pod(pod, set, &labels, container, image));
    [deployment, replica_set].into_iter().chain(pods).collect()
}

/// Returns a running pod.
pub fn pod(name: &str, set: &str, labels: &Value, container: &str, image: &str) -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {
            "name": name, "namespace": AGENT, "uid": uid(name), "labels": labels, "creationTimestamp": ago(7200),
            "ownerReferences": [owner("ReplicaSet", set)],
        },
        "spec": {
            "nodeName": NODE, "serviceAccountName": "castai-agent",
            "containers": [{ "name": container, "image": image }],
        },
        "status": {
            "phase": "Running", "podIP": "10.0.3.7",
            "conditions": [condition("PodScheduled", "True", "", ""), condition("Ready", "True", "", "")],
            "containerStatuses": [running(container, image)],
        },
    })
}

/// Returns the status of a container that has been running for two hours.
pub fn running(name: &str, image: &str) -> Value {
    json!({
        "name": name, "image": image, "ready": true, "started": true, "restartCount": 0,
        "state": { "running": { "startedAt": ago(7190) } }, "lastState": {},
    })
}

/// Returns the state of a container that ran from `started` to `finished` seconds ago.
pub fn terminated(code: i32, reason: &str, started: i64, finished: i64) -> Value {
    json!({ "terminated": {
        "exitCode": code, "reason": reason, "startedAt": ago(started), "finishedAt": ago(finished),
    } })
}

/// Returns a node with these labels.
pub fn node(name: &str, provider_id: &str, labels: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<String, Value> = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    json!({
        "kind": "Node", "apiVersion": "v1",
        "metadata": { "name": name, "uid": uid(name), "labels": labels, "creationTimestamp": ago(864_000) },
        "spec": { "providerID": provider_id },
        "status": { "conditions": [condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")] },
    })
}

/// Returns a warning event about an object.
pub fn event(kind: &str, name: &str, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": { "name": format!("{name}.{}", reason.to_lowercase()), "namespace": AGENT },
        "involvedObject": { "kind": kind, "namespace": AGENT, "name": name, "uid": uid(name) },
        "reason": reason, "message": message, "type": "Warning", "count": 3,
        "firstTimestamp": ago(60), "lastTimestamp": ago(1), "eventTime": null,
    })
}

/// Returns a lease renewed one second ago.
pub fn lease(name: &str, holder: &str) -> Value {
    json!({
        "kind": "Lease", "apiVersion": "coordination.k8s.io/v1",
        "metadata": { "name": name, "namespace": AGENT },
        "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 2,
            "acquireTime": micros(7180), "renewTime": micros(1),
        },
    })
}

/// Renews the leases that exist and have their original holder, until aborted.
pub async fn renew_leases(objects: ObjectStore) {
    loop {
        for (name, holder) in LEASES {
            let lease = objects.get("Lease", AGENT, name);
            if lease.is_some_and(|lease| lease["spec"]["holderIdentity"] == holder) {
                objects.put(self::lease(name, holder));
            }
        }
        tokio::time::sleep(RENEW_INTERVAL).await;
    }
}

/// Returns a condition that has had its status for one hour.
pub fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({ "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(3600) })
}

/// Derives an object's UID from its name.
pub fn uid(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!(
        "{:08x}-0000-4000-8000-{:012x}",
        hash >> 32,
        hash & 0xffff_ffff_ffff
    )
}

/// Formats the time `seconds` ago as a Kubernetes `Time`.
pub fn ago(seconds: i64) -> String {
    let text = rfc3339(Duration::seconds(seconds));
    format!("{}Z", &text[..19])
}

fn micros(seconds: i64) -> String {
    rfc3339(Duration::seconds(seconds))
}

fn owner(kind: &str, name: &str) -> Value {
    json!({ "apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid(name), "controller": true })
}
