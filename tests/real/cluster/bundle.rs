//! The support bundle of a real cluster: every planted secret is stored there, and none is in the
//! archive.

use std::fs;
use std::process::Stdio;

use lab::apiserver::workload;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::planted_secrets::{PlantedSecret, PlantedSecrets, Source};
use test_support::unpacked::Unpacked;
use tokio::process::Command;

use crate::support::cluster::Cluster;

/// A value that only a Secret holds.
const IN_A_SECRET: &str = "s3cret-0f-the-Cluster";
/// Kinds that the bundle reads and the test stores secrets in.
const STORED: &str = "pods,deployments,configmaps,serviceaccounts,events,secrets";

async fn apply(cluster: &Cluster, items: &[Value]) {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    let path = cluster.path().join("planted.json");
    fs::write(&path, list.to_string()).unwrap();
    // kubectl wants a complete status, which the API server ignores.
    let apply = ["create", "--validate=false", "-f", path.to_str().unwrap()];
    cluster.kubectl(&apply).await.unwrap();
}

/// Returns the objects with the secrets in them.
fn objects(planted: &PlantedSecrets) -> Vec<Value> {
    let namespace = workload::AGENT;
    let labels = json!({ "app.kubernetes.io/name": "castai-agent" });
    let mut pod = planted.pod();
    // The API server creates what is not given, and rejects invented owners' IDs of other forms.
    pod["metadata"].as_object_mut().unwrap().retain(|key, _| {
        !matches!(
            key.as_str(),
            "uid" | "creationTimestamp" | "ownerReferences"
        )
    });
    let mut items = vec![
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
            "name": "castai-agent", "namespace": namespace, "annotations": planted.account_annotations,
        } }),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "castai-agent", "namespace": namespace },
            "stringData": { "TOKEN": IN_A_SECRET } }),
        json!({ "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "castai-agent", "namespace": namespace, "annotations": planted.annotations },
            "spec": {
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels, "annotations": planted.annotations },
                    "spec": { "serviceAccountName": "castai-agent", "containers": [planted.container] },
                },
            } }),
        pod,
    ];
    items.extend(planted.config_maps.clone());
    items.extend(planted.events());
    items
}

#[tokio::test]
async fn no_planted_secret_of_a_real_cluster_is_in_the_archive() {
    let cluster = Cluster::start(1).await.unwrap();
    let mut planted = PlantedSecrets::new();
    cluster
        .kubectl(&["create", "namespace", workload::AGENT])
        .await
        .unwrap();
    apply(&cluster, &objects(&planted)).await;
    let status = json!({ "status": planted.pod()["status"] }).to_string();
    let patch = [
        "patch",
        "pod",
        workload::POD,
        "-n",
        workload::AGENT,
        "--subresource=status",
        "--type=merge",
        "-p",
        &status,
    ];
    cluster.kubectl(&patch).await.unwrap();
    let get = ["get", STORED, "-n", workload::AGENT, "-o", "json"];
    let stored = cluster.kubectl(&get).await.unwrap();
    // Without a kubelet and a pod, there is neither a log nor an exporter.
    planted
        .secrets
        .retain(|secret| secret.source == Source::Object);
    planted.secrets.push(PlantedSecret {
        place: "Secret",
        source: Source::Object,
        value: IN_A_SECRET.to_owned(),
    });
    assert!(planted.secrets.len() >= 30, "{}", planted.secrets.len());
    assert_eq!(planted.missing_in(&stored), Vec::<&str>::new());

    let dir = TempDir::new().unwrap();
    let file = dir.path().join("bundle.zip");
    let output = Command::new(env!("CARGO_BIN_EXE_castai-health-exporter"))
        .args(["bundle", "-n", workload::AGENT, "--kubeconfig"])
        .arg(cluster.kubeconfig())
        .arg("-o")
        .arg(&file)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let unpacked = Unpacked::read(&fs::read(&file).unwrap());
    let files = unpacked.files.iter();
    let found = planted.shown_in(files.map(|(path, text)| (path.as_str(), text.as_str())));
    assert!(
        found.is_empty(),
        "{} secrets are shown:\n{}",
        found.len(),
        found.join("\n")
    );
    for kind in [
        "pods",
        "deployments",
        "configmaps",
        "serviceaccounts",
        "events",
    ] {
        let objects = unpacked.json(&format!("objects/{kind}.json"));
        assert!(!objects.as_array().unwrap().is_empty(), "{kind}");
    }
    let version = unpacked.json("versions/kubernetes.json");
    assert!(
        version["gitVersion"].as_str().unwrap().starts_with('v'),
        "{version}"
    );
    // The kubelet of the pod's node does not exist.
    let manifest = unpacked.json("manifest.json").to_string();
    assert!(manifest.contains("log of castai-agent/"), "{manifest}");
}
