//! The policy touches nothing but the agent's pods: pods that almost match are admitted as they are
//! without it.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PolicyCluster, agent_pod, sidecar};
use crate::support::cluster::Cluster;

/// Namespaces besides the agent's.
const OTHER_NAMESPACES: [&str; 2] = ["castai-agent-2", "shop"];

/// Pods that differ from the agent's in one respect.
fn near_misses() -> Vec<(&'static str, Value)> {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut pod = agent_pod();
        change(&mut pod);
        pod
    };
    let label = |name: &'static str, value: &'static str| {
        changed(&|pod| pod["metadata"]["labels"][name] = json!(value))
    };
    let mut cases = vec![
        ("another label", label("app.kubernetes.io/name", "other")),
        (
            "a label that begins alike",
            label("app.kubernetes.io/name", "castai-agent-2"),
        ),
        ("opted out", label("castai-health-exporter/inject", "false")),
        (
            "the label is an annotation",
            changed(&|pod| {
                pod["metadata"]["annotations"] = pod["metadata"]["labels"].take();
            }),
        ),
        (
            "no container of that name",
            changed(&|pod| pod["spec"]["containers"][0]["name"] = json!("agent-2")),
        ),
        (
            "the agent is an init container",
            changed(&|pod| {
                let agent = pod["spec"]["containers"].as_array_mut().unwrap().remove(0);
                pod["spec"]["initContainers"] = json!([agent]);
            }),
        ),
        (
            "the port is taken",
            changed(&|pod| {
                pod["spec"]["containers"][1]["ports"] = json!([{ "containerPort": 9878 }]);
            }),
        ),
        (
            "it has an exporter",
            changed(&|pod| pod["spec"]["containers"][1]["name"] = json!("castai-health-exporter")),
        ),
        (
            "the exporter is an init container",
            changed(&|pod| {
                let mut exporter = pod["spec"]["containers"][1].clone();
                exporter["name"] = json!("castai-health-exporter");
                exporter["restartPolicy"] = json!("Always");
                pod["spec"]["initContainers"] = json!([exporter]);
            }),
        ),
        (
            "it selects Windows nodes",
            changed(&|pod| pod["spec"]["nodeSelector"] = json!({ "kubernetes.io/os": "windows" })),
        ),
    ];
    for namespace in OTHER_NAMESPACES {
        cases.push((
            namespace,
            changed(&|pod| pod["metadata"]["namespace"] = json!(namespace)),
        ));
    }
    cases
}

/// Removes what differs between two equal pods.
fn comparable(mut pod: Value) -> Value {
    for field in ["uid", "creationTimestamp", "managedFields"] {
        pod["metadata"].as_object_mut().unwrap().remove(field);
    }
    // The name of the volume with the token is random.
    let text = pod.to_string();
    let Some(at) = text.find("kube-api-access-") else {
        return pod;
    };
    let name = &text[at..at + "kube-api-access-".len() + 5];
    serde_json::from_str(&text.replace(name, "kube-api-access")).unwrap()
}

#[tokio::test]
async fn policy_leaves_pods_that_almost_match_unchanged() {
    let policy = PolicyCluster {
        cluster: Cluster::start(1).await.unwrap(),
        dir: TempDir::new().unwrap(),
    };
    for namespace in OTHER_NAMESPACES.into_iter().chain(["castai-agent"]) {
        let object =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        policy.apply(&object).await.unwrap();
    }
    let admitted = async |what: &str, pod: &Value| {
        let admitted = policy.admit(pod).await;
        comparable(admitted.unwrap_or_else(|error| panic!("{what}: {error}")))
    };
    let agent = admitted("the agent", &agent_pod()).await;
    let mut before = Vec::new();
    for (what, pod) in near_misses() {
        before.push(admitted(what, &pod).await);
    }
    assert!(before.len() >= 10);
    policy.install(&[]).await;
    for ((what, pod), before) in near_misses().into_iter().zip(before) {
        assert_eq!(admitted(what, &pod).await, before, "{what}");
    }
    // Of the agent's pod, nothing changes but the added container.
    let mut patched = admitted("the agent", &agent_pod()).await;
    assert!(sidecar(&patched).is_some());
    let containers = patched["spec"]["containers"].as_array_mut().unwrap();
    containers.retain(|container| container["name"] != "castai-health-exporter");
    assert_eq!(patched, agent);
}

#[tokio::test]
async fn policy_leaves_workloads_with_the_agents_pod_unchanged() {
    let policy = PolicyCluster::installed().await;
    let mut template = agent_pod();
    let template =
        json!({ "metadata": template["metadata"].take(), "spec": template["spec"].take() });
    let labels = template["metadata"]["labels"].clone();
    let workload = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "castai-agent", "namespace": "castai-agent", "labels": labels },
        "spec": { "selector": { "matchLabels": labels }, "template": template },
    });
    let admitted = policy.admit(&workload).await.unwrap();
    let containers = &admitted["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers.as_array().unwrap().len(), 2);
}
