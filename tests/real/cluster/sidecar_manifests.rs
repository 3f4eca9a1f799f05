//! Tests of sidecars without the chart: Kustomize for rendered manifests, and server-side apply for
//! a trial.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::cluster::Cluster;
use crate::support::helm::{AGENT_CHART, Helm};

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");
const AGENT: [&str; 4] = ["--namespace", "castai-agent", "deployment", "castai-agent"];

/// Returns the agent's Deployment: labels, spec and field managers.
async fn deployment(cluster: &Cluster) -> Value {
    let get = [
        ["get", "-ojson", "--show-managed-fields"].as_slice(),
        &AGENT,
    ]
    .concat();
    let mut object: Value = serde_json::from_str(&cluster.kubectl(&get).await.unwrap()).unwrap();
    let metadata = object["metadata"].as_object_mut().unwrap();
    // Remove counters and fields that the controller writes.
    for counted in ["generation", "resourceVersion", "annotations"] {
        metadata.remove(counted);
    }
    let managers = metadata["managedFields"].as_array_mut().unwrap();
    managers.retain(|manager| manager.get("subresource").is_none());
    object.as_object_mut().unwrap().remove("status");
    object
}

fn containers(deployment: &Value) -> Vec<String> {
    let containers = deployment["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap();
    containers
        .iter()
        .map(|container| container["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn server_side_apply_adds_and_removes_the_sidecar() {
    let cluster = Cluster::start(1).await.unwrap();
    for helm in Helm::both() {
        cluster
            .kubectl(&["create", "namespace", "castai-agent"])
            .await
            .unwrap();
        let release = ["castai-agent", AGENT_CHART, "--namespace", "castai-agent"];
        helm.on(&cluster, &[["install"].as_slice(), &release].concat())
            .await
            .unwrap();
        let before = deployment(&cluster).await;
        let apply = async |file: &str| {
            let path = format!("{DEPLOY}/server-side-apply/{file}");
            let arguments = [
                "apply",
                "--server-side",
                "--field-manager=castai-health-exporter",
                "-f",
                &path,
            ];
            cluster.kubectl(&arguments).await.unwrap();
        };
        apply("add.yaml").await;
        let with = ["agent", "monitor", "castai-health-exporter"];
        assert_eq!(containers(&deployment(&cluster).await), with);
        let upgrade = [["upgrade"].as_slice(), &release, &["--set=env.ADDED=1"]].concat();
        helm.on(&cluster, &upgrade).await.unwrap();
        assert_eq!(
            containers(&deployment(&cluster).await),
            with,
            "an upgrade keeps the sidecar"
        );
        helm.on(
            &cluster,
            &[
                "rollback",
                "castai-agent",
                "1",
                "--namespace",
                "castai-agent",
            ],
        )
        .await
        .unwrap();
        assert_eq!(
            containers(&deployment(&cluster).await),
            with,
            "a rollback keeps the sidecar"
        );
        apply("remove.yaml").await;
        let after = deployment(&cluster).await;
        assert_eq!(
            (&after["spec"], &after["metadata"]["labels"]),
            (&before["spec"], &before["metadata"]["labels"])
        );
        let managers = after["metadata"]["managedFields"].as_array().unwrap();
        assert!(
            managers
                .iter()
                .all(|manager| manager["manager"] != "castai-health-exporter"),
            "{managers:?}"
        );
        cluster
            .kubectl(&["delete", "namespace", "castai-agent"])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn kustomize_appends_a_sidecar_with_the_agents_environment() {
    let cluster = Cluster::start(1).await.unwrap();
    let dir = TempDir::new().unwrap();
    let template = [
        "template",
        "castai-agent",
        AGENT_CHART,
        "--namespace",
        "castai-agent",
    ];
    let rendered = Helm::latest().offline(&template).await.unwrap();
    fs::write(dir.path().join("agent.yaml"), rendered).unwrap();
    symlink(
        Path::new(DEPLOY).join("kustomize"),
        dir.path().join("component"),
    )
    .unwrap();
    let kustomization = "resources: [agent.yaml]\ncomponents: [component]\n\
                         images: [{name: castai-health-exporter, newName: local.test/exporter, newTag: 0.1.0}]\n";
    fs::write(dir.path().join("kustomization.yaml"), kustomization).unwrap();
    let folder = dir.path().to_str().unwrap();
    cluster
        .kubectl(&["create", "namespace", "castai-agent"])
        .await
        .unwrap();
    let built = cluster
        .kubectl(&[
            "kustomize",
            "--load-restrictor=LoadRestrictionsNone",
            folder,
        ])
        .await
        .unwrap();
    let path = dir.path().join("all.yaml");
    fs::write(&path, built).unwrap();
    cluster
        .kubectl(&["apply", "--validate=strict", "-f", path.to_str().unwrap()])
        .await
        .unwrap();
    let deployment = deployment(&cluster).await;
    assert_eq!(
        containers(&deployment),
        ["agent", "monitor", "castai-health-exporter"]
    );
    let [agent, _, sidecar] =
        [0, 1, 2].map(|i| &deployment["spec"]["template"]["spec"]["containers"][i]);
    assert_eq!(sidecar["image"], "local.test/exporter:0.1.0");
    assert_eq!(
        (&sidecar["env"], &sidecar["envFrom"]),
        (&agent["env"], &agent["envFrom"])
    );
    let account = "--as=system:serviceaccount:castai-agent:castai-agent";
    let slices = [
        "auth",
        "can-i",
        "get",
        "endpointslices.discovery.k8s.io/kubernetes",
        "-n",
        "default",
        account,
    ];
    assert_eq!(cluster.kubectl(&slices).await.unwrap().trim(), "yes");
}
