//! The manifest of the short-lived pod, derived from the agent's Deployment: the pod gets the
//! agent's environment, files, service account and network policies.

use serde_json::{Map, Value, json};

/// The container that runs `check`.
pub const CONTAINER: &str = "check";
/// The label of every short-lived pod, with the program that owns it.
pub const OWNER_LABEL: (&str, &str) = ("castai-health-exporter/short-lived", "check");
/// The agent's container.
const AGENT_CONTAINER: &str = "agent";
/// Excludes the pod from the injection of a sidecar.
const NO_SIDECAR: (&str, &str) = ("castai-health-exporter/inject", "false");
/// Set by the Deployment controller; the `ReplicaSet` selects by it.
const TEMPLATE_HASH: &str = "pod-template-hash";
/// The user without privileges in the exporter's image.
const NON_ROOT_USER: u64 = 65532;
/// Fields of the agent's pod that decide where and how a pod runs and what it reaches.
const COPIED_FIELDS: &[&str] = &[
    "automountServiceAccountToken",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "hostAliases",
    "hostNetwork",
    "imagePullSecrets",
    "nodeSelector",
    "os",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "securityContext",
    "serviceAccountName",
    "tolerations",
];

/// The command of the pod, and its longest duration.
#[derive(Clone, Debug)]
pub struct PodRequest {
    /// The name of the pod.
    pub name: String,
    /// The image of the exporter.
    pub image: String,
    /// The arguments of the exporter.
    pub arguments: Vec<String>,
    /// After this time the kubelet stops the pod, whatever happens to this program.
    pub deadline_seconds: u64,
    /// The node of the agent's pod, which is preferred.
    pub node: Option<String>,
}

/// An error in the agent's Deployment.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ManifestError {
    /// The agent's container is missing.
    #[error("the agent's Deployment has no container named {AGENT_CONTAINER}")]
    NoAgentContainer,
}

/// Builds the pod from the agent's Deployment.
///
/// # Errors
/// If the Deployment has no container of the agent.
pub fn pod(deployment: &Value, request: &PodRequest) -> Result<Value, ManifestError> {
    let template = &deployment["spec"]["template"];
    let agent = template["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|container| container["name"] == AGENT_CONTAINER)
        .ok_or(ManifestError::NoAgentContainer)?;
    let mut spec = Map::new();
    for field in COPIED_FIELDS {
        if let Some(value) = template["spec"].get(field) {
            spec.insert((*field).to_owned(), value.clone());
        }
    }
    spec.insert("restartPolicy".to_owned(), json!("Never"));
    spec.insert("terminationGracePeriodSeconds".to_owned(), json!(1));
    spec.insert(
        "activeDeadlineSeconds".to_owned(),
        json!(request.deadline_seconds),
    );
    // Never ready: no Service sends traffic to the pod although it has the agent's labels.
    spec.insert(
        "readinessGates".to_owned(),
        json!([{ "conditionType": "castai-health-exporter/never-ready" }]),
    );
    spec.insert("volumes".to_owned(), mounted_volumes(template, agent));
    if let Some(affinity) = affinity(template, request.node.as_deref()) {
        spec.insert("affinity".to_owned(), affinity);
    }
    spec.insert(
        "containers".to_owned(),
        json!([container(template, agent, request)]),
    );
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": request.name,
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels(template),
            "annotations": template["metadata"].get("annotations").cloned().unwrap_or(json!({})),
            // Removed with the agent at the latest.
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "Deployment",
                "name": deployment["metadata"]["name"], "uid": deployment["metadata"]["uid"],
            }],
        },
        "spec": spec,
    }))
}

/// Returns the agent's labels, by which network policies and identity webhooks select its pods, but
/// not the one by which its `ReplicaSet` does.
fn labels(template: &Value) -> Map<String, Value> {
    let mut labels = template["metadata"]["labels"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    labels.remove(TEMPLATE_HASH);
    for (name, value) in [OWNER_LABEL, NO_SIDECAR] {
        labels.insert(name.to_owned(), json!(value));
    }
    labels.insert(
        "app.kubernetes.io/managed-by".to_owned(),
        json!("castai-health-exporter"),
    );
    labels
}

fn mounted_volumes(template: &Value, agent: &Value) -> Value {
    let mounts = agent["volumeMounts"].as_array();
    let is_mounted = |volume: &&Value| {
        let mut mounts = mounts.into_iter().flatten();
        mounts.any(|mount| mount["name"] == volume["name"])
    };
    let volumes = template["spec"]["volumes"].as_array();
    volumes
        .into_iter()
        .flatten()
        .filter(is_mounted)
        .cloned()
        .collect()
}

/// Returns the agent's node affinity, with a preference for the node of its pod. Affinity to other
/// pods is left out: it is meant for replicas of the agent.
fn affinity(template: &Value, node: Option<&str>) -> Option<Value> {
    let mut affinity = template["spec"]["affinity"]
        .get("nodeAffinity")
        .filter(|affinity| affinity.is_object())
        .cloned();
    if let Some(node) = node {
        let preference = json!({ "weight": 100, "preference": {
            "matchFields": [{ "key": "metadata.name", "operator": "In", "values": [node] }],
        } });
        let affinity = affinity.get_or_insert_with(|| json!({}));
        let preferred = &mut affinity["preferredDuringSchedulingIgnoredDuringExecution"];
        match preferred.as_array_mut() {
            Some(preferred) => preferred.push(preference),
            None => *preferred = json!([preference]),
        }
    }
    affinity.map(|affinity| json!({ "nodeAffinity": affinity }))
}

fn container(template: &Value, agent: &Value, request: &PodRequest) -> Value {
    let mounts: Vec<Value> = agent["volumeMounts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|mount| {
            let mut mount = mount.clone();
            mount["readOnly"] = json!(true);
            mount
        })
        .collect();
    let copied = |field: &str| agent.get(field).cloned().unwrap_or(json!([]));
    let user = template["spec"]["securityContext"]["runAsUser"].as_u64();
    json!({
        "name": CONTAINER,
        "image": request.image,
        "args": request.arguments,
        "env": copied("env"),
        "envFrom": copied("envFrom"),
        "volumeMounts": mounts,
        "resources": {
            "requests": { "cpu": "10m", "memory": "16Mi" },
            "limits": { "cpu": "500m", "memory": "64Mi" },
        },
        "securityContext": {
            "runAsNonRoot": user.unwrap_or(NON_ROOT_USER) != 0,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
            "seccompProfile": { "type": "RuntimeDefault" },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> PodRequest {
        PodRequest {
            name: "castai-health-check-1".to_owned(),
            image: "registry.example.com/castai-health-exporter:1".to_owned(),
            arguments: vec!["check".to_owned()],
            deadline_seconds: 300,
            node: Some("node-1".to_owned()),
        }
    }

    fn deployment() -> Value {
        json!({
            "metadata": { "name": "castai-agent", "namespace": "castai-agent", "uid": "u-1" },
            "spec": { "template": {
                "metadata": {
                    "labels": { "app.kubernetes.io/name": "castai-agent", "pod-template-hash": "1", "azure.workload.identity/use": "true" },
                    "annotations": { "sidecar.istio.io/inject": "false" },
                },
                "spec": {
                    "serviceAccountName": "castai-agent",
                    "imagePullSecrets": [{ "name": "registry" }],
                    "tolerations": [{ "operator": "Exists" }],
                    "affinity": { "podAntiAffinity": { "x": 1 }, "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [] },
                    } },
                    "volumes": [{ "name": "token", "projected": {} }, { "name": "unused", "emptyDir": {} }],
                    "initContainers": [{ "name": "init" }],
                    "containers": [
                        { "name": "autoscaler" },
                        {
                            "name": "agent", "image": "agent:1", "args": ["--own"],
                            "env": [{ "name": "API_URL", "value": "https://api.cast.ai" }],
                            "envFrom": [{ "secretRef": { "name": "castai-agent" } }],
                            "volumeMounts": [{ "name": "token", "mountPath": "/token" }],
                            "livenessProbe": { "httpGet": {} },
                        },
                    ],
                },
            } },
        })
    }

    #[test]
    fn pod_has_the_agents_environment_files_account_and_pull_secrets() {
        let pod = pod(&deployment(), &request()).unwrap();
        let spec = &pod["spec"];
        assert_eq!(pod["metadata"]["namespace"], "castai-agent");
        assert_eq!(spec["serviceAccountName"], "castai-agent");
        assert_eq!(spec["imagePullSecrets"][0]["name"], "registry");
        assert_eq!(spec["tolerations"][0]["operator"], "Exists");
        assert_eq!(
            spec["volumes"],
            json!([{ "name": "token", "projected": {} }])
        );
        let [container] = spec["containers"].as_array().unwrap().as_slice() else {
            panic!("one container: {spec}")
        };
        assert_eq!(container["env"][0]["name"], "API_URL");
        assert_eq!(container["envFrom"][0]["secretRef"]["name"], "castai-agent");
        assert_eq!(container["volumeMounts"][0]["readOnly"], true);
        assert_eq!(container["args"], json!(["check"]));
        assert!(container.get("livenessProbe").is_none());
        assert!(spec.get("initContainers").is_none());
    }

    #[test]
    fn pod_is_bounded_owned_and_belongs_to_no_replica_set() {
        let pod = pod(&deployment(), &request()).unwrap();
        assert_eq!(pod["spec"]["activeDeadlineSeconds"], 300);
        assert_eq!(pod["spec"]["restartPolicy"], "Never");
        let labels = pod["metadata"]["labels"].as_object().unwrap();
        assert!(!labels.contains_key(TEMPLATE_HASH));
        assert_eq!(labels["castai-health-exporter/short-lived"], "check");
        assert_eq!(labels["castai-health-exporter/inject"], "false");
        assert_eq!(labels["azure.workload.identity/use"], "true");
        assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], "u-1");
    }

    #[test]
    fn node_of_the_agent_is_preferred_and_pod_affinity_is_left_out() {
        let pod = pod(&deployment(), &request()).unwrap();
        let affinity = &pod["spec"]["affinity"];
        assert!(affinity.get("podAntiAffinity").is_none());
        let node = &affinity["nodeAffinity"];
        assert!(node["requiredDuringSchedulingIgnoredDuringExecution"].is_object());
        let preferred = &node["preferredDuringSchedulingIgnoredDuringExecution"][0];
        assert_eq!(
            preferred["preference"]["matchFields"][0]["values"][0],
            "node-1"
        );
    }

    #[test]
    fn deployment_without_the_agent_is_an_error() {
        let other =
            json!({ "spec": { "template": { "spec": { "containers": [{ "name": "x" }] } } } });
        assert_eq!(
            pod(&other, &request()).unwrap_err(),
            ManifestError::NoAgentContainer
        );
    }
}
