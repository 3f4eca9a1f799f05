//! Tests of the chart: validation, rendered objects on a real API server, and the sidecar admission
//! policy.

mod events;
mod matrix;
mod monitors;
mod network_policy;
mod notes;
mod null_values;
mod pod;
mod policy;
mod rendered;
mod rules;
mod umbrella;
mod unknown_values;
pub(super) mod values;
mod web;

use std::fs;

use tempfile::TempDir;
use values::{INVALID_VALUES, VALUE_SETS};

use crate::support::cluster::Cluster;
use crate::support::helm::{CHART, Helm, IMAGE, POLICY_API_VERSION};

pub(super) async fn template(helm: &Helm, values: &[&str]) -> Result<String, String> {
    let mut arguments = vec![
        "template",
        "exporter",
        CHART,
        "--namespace",
        "castai-agent",
        "--api-versions",
        POLICY_API_VERSION,
        "--set",
        IMAGE,
    ];
    arguments.extend(values.iter().flat_map(|value| ["--set", *value]));
    helm.offline(&arguments).await
}

/// Returns rendered objects without the pod of `helm test`: a dry run creates no account for it.
pub(super) fn without_tests(rendered: &str) -> String {
    let documents = rendered.split("\n---\n");
    let kept: Vec<&str> = documents
        .filter(|document| !document.contains("helm.sh/hook: test"))
        .collect();
    kept.join("\n---\n")
}

#[tokio::test]
async fn the_chart_passes_lint() {
    for helm in Helm::both() {
        helm.offline(&["lint", "--strict", CHART, "--set", IMAGE])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn control_plane_values_are_rendered_into_the_companion_config() {
    const ID: &str = "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/lab-group/providers/Microsoft.ContainerService/managedClusters/lab";
    let of = |key: &str, value: &str| format!("companion.config.control_plane.{key}={value}");
    let values = [
        of("castai_addresses", "{35.221.40.21,2001:db8::7}"),
        of("azure_cluster", ID),
        of("azure_api", "https://management.chinacloudapi.cn"),
        of("azure_login", "https://login.chinacloudapi.cn/"),
    ];
    for helm in Helm::both() {
        let rendered = template(&helm, &values.each_ref().map(String::as_str))
            .await
            .unwrap();
        for line in [
            "- 35.221.40.21\n",
            "- 2001:db8::7\n",
            &format!("azure_cluster: {ID}\n"),
            "--config.file=",
        ] {
            assert!(rendered.contains(line), "{line}: {rendered}");
        }
    }
}

#[tokio::test]
async fn chart_rejects_values_that_the_apiserver_would_reject() {
    for helm in Helm::both() {
        for (values, word) in INVALID_VALUES {
            let refused = template(&helm, values)
                .await
                .expect_err(&format!("{values:?} is accepted"));
            assert!(refused.contains(word), "{values:?}: {refused}");
        }
    }
}

#[tokio::test]
async fn sidecar_is_rejected_before_kubernetes_1_36() {
    for helm in Helm::both() {
        let arguments = [
            "template",
            "exporter",
            CHART,
            "--set",
            IMAGE,
            "--set",
            "sidecar.enabled=true",
        ];
        let refused = helm.offline(&arguments).await.unwrap_err();
        for word in [
            "1.36",
            POLICY_API_VERSION,
            "deploy/kustomize",
            "server-side apply",
            "companion",
        ] {
            assert!(refused.contains(word), "{word}: {refused}");
        }
    }
}

#[tokio::test]
async fn chart_renders_a_pod_monitor() {
    let values = [
        "podMonitor.enabled=true",
        "podMonitor.labels.release=prometheus",
        "agent.namespace=elsewhere",
    ];
    let rendered = template(&Helm::latest(), &values).await.unwrap();
    for line in [
        "kind: PodMonitor",
        "release: prometheus",
        "      port: health-metrics",
        "[castai-agent, elsewhere]",
    ] {
        assert!(rendered.contains(line), "{line}: {rendered}");
    }
    assert!(
        !rendered.contains("prometheus.io/scrape"),
        "it would be scraped twice"
    );
}

#[tokio::test]
async fn apiserver_accepts_rendered_chart_strictly() {
    let cluster = Cluster::start(1).await.unwrap();
    let dir = TempDir::new().unwrap();
    for namespace in ["castai-agent", "elsewhere"] {
        cluster
            .kubectl(&["create", "namespace", namespace])
            .await
            .unwrap();
    }
    for (helm, values) in Helm::both()
        .iter()
        .flat_map(|helm| VALUE_SETS.iter().map(move |values| (helm, values)))
    {
        let path = dir.path().join("rendered.yaml");
        let rendered = template(helm, values).await.unwrap();
        fs::write(&path, without_tests(&rendered)).unwrap();
        let path = path.to_str().unwrap();
        let applied = cluster
            .kubectl(&["apply", "--dry-run=server", "--validate=strict", "-f", path])
            .await;
        applied.unwrap_or_else(|error| panic!("{values:?}: {error}"));
    }
}
