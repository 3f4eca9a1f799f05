//! The value files of realistic installations, rendered by both versions of Helm and checked by a
//! real API server with the CRDs of the monitoring systems.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::rendered::{Rendered, ValueFile};
use super::without_tests;
use crate::support::cluster::Cluster;
use crate::support::crds;
use crate::support::helm::Helm;

/// Namespaces that the files name.
const NAMESPACES: [&str; 4] = ["castai-agent", "castai-monitoring", "monitoring", "grafana"];

/// Namespaces with the strictest Pod Security Standard.
const RESTRICTED: [&str; 2] = ["castai-agent", "castai-monitoring"];

#[tokio::test]
async fn value_files_render_identically_every_time() {
    let [helm3, helm4] = Helm::both();
    let files = ValueFile::all();
    assert!(files.len() >= 12, "{files:?}");
    for file in files {
        let first = file.template(&helm4).await;
        assert_eq!(first, file.template(&helm4).await, "{}", file.name);
        let [one, other] = [&first, &file.template(&helm3).await].map(|text| Rendered::parse(text));
        assert_eq!(one, other, "{}: Helm 3 and 4 differ", file.name);
    }
}

#[tokio::test]
async fn value_files_use_no_hook_but_that_of_the_test_and_no_lookup() {
    for file in ValueFile::all() {
        let rendered = file.template(&Helm::latest()).await;
        let hooks: Vec<&str> = rendered
            .lines()
            .filter(|line| line.contains("helm.sh/hook:"))
            .map(str::trim)
            .collect();
        let wanted: &[&str] = if file.name == "argo-cd" {
            &[]
        } else {
            &["helm.sh/hook: test"]
        };
        assert_eq!(hooks, wanted, "{}", file.name);
    }
    for entry in fs::read_dir(format!("{}/templates", crate::support::helm::CHART)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains("lookup"), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn apiserver_accepts_the_value_files_strictly() {
    let cluster = Cluster::start(1).await.unwrap();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("objects.yaml");
    let path_text = path.to_str().unwrap();
    let apply = async |text: &str, more: &[&str]| {
        fs::write(&path, text).unwrap();
        let arguments = [&["apply", "-f", path_text], more].concat();
        cluster.kubectl(&arguments).await
    };
    for crd in crds::all() {
        apply(&crd, &["--server-side"]).await.unwrap();
    }
    cluster
        .kubectl(&["wait", "crd", "--all", "--for=condition=Established"])
        .await
        .unwrap();
    for namespace in NAMESPACES {
        let mut labels = json!({});
        if RESTRICTED.contains(&namespace) {
            labels["pod-security.kubernetes.io/enforce"] = json!("restricted");
        }
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
        apply(&object.to_string(), &[]).await.unwrap();
    }
    for file in ValueFile::all() {
        let rendered = file.template(&Helm::latest()).await;
        let dry_run = ["--dry-run=server", "--validate=strict", "--server-side"];
        apply(&without_tests(&rendered), &dry_run)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", file.name));
        // The API server does not check the pods of a Deployment before they are created.
        let rendered = Rendered::parse(&rendered);
        let template = &rendered.one("Deployment")["spec"]["template"];
        let pod = pod_of(rendered.one("Deployment"), template);
        let host_network = template["spec"]["hostNetwork"] == true;
        let created = apply(&pod.to_string(), &["--dry-run=server", "--validate=strict"]).await;
        match created {
            Ok(_) => assert!(!host_network, "{}: not restricted", file.name),
            Err(error) => assert!(
                host_network && error.to_string().contains("violates PodSecurity"),
                "{}: {error}",
                file.name
            ),
        }
    }
}

/// Returns a pod as the Deployment would create it, without the account, which does not exist.
fn pod_of(deployment: &Value, template: &Value) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": template["metadata"], "spec": template["spec"],
    });
    pod["metadata"]["name"] = json!("companion");
    pod["metadata"]["namespace"] = deployment["metadata"]["namespace"].clone();
    let spec = pod["spec"].as_object_mut().unwrap();
    spec.remove("serviceAccountName");
    spec.insert("automountServiceAccountToken".to_owned(), json!(false));
    pod
}
