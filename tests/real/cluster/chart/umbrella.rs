//! Tests of the chart as a dependency of an umbrella chart.

use std::fs;

use tempfile::TempDir;

use super::rendered::Rendered;
use crate::support::helm::{CHART, Helm};

/// Globals of CAST AI's umbrella chart.
const CASTAI: &str = r#"
global:
  castai: {apiKey: "", apiKeySecretRef: castai-credentials, apiURL: https://api.cast.ai, grpcURL: "grpc.cast.ai:443", provider: eks}
  tolerations: [{key: castai, operator: Exists}]
  registry: mirror.example.com
tags: {readonly: true, full: false}
extraObjects: []
"#;
/// Globals of kube-prometheus-stack.
const STACK: &str = r"
global:
  imageRegistry: mirror.example.com
  imagePullSecrets: [{name: registry-credentials}]
  rbac: {create: true, createAggregateClusterRoles: false, pspEnabled: false}
kubeTargetVersionOverride: ''
commonLabels: {}
prometheus: {prometheusSpec: {podMonitorSelectorNilUsesHelmValues: false}}
";

/// Globals of Grafana's charts.
const GRAFANA: &str = r"
global:
  image: {registry: mirror.example.com, pullSecrets: [{name: registry-credentials}]}
  podSecurityContext: {}
";
/// Defaults of CAST AI's agent chart, as a person copies them.
const AGENT_DEFAULTS: &str = r"
castai-health-exporter:
  image: {registry: mirror.example.com}
  tolerations: {}
  imagePullSecrets: {}
";

/// Renders an umbrella chart with ours as a dependency that has a condition.
async fn umbrella(helm: &Helm, values: &str, set: &[&str]) -> String {
    let dir = TempDir::new().unwrap();
    let path = dir.path();
    let chart = "apiVersion: v2\nname: umbrella\nversion: 1.0.0\ndependencies:\n  - name: castai-health-exporter\n    version: 0.1.0\n    condition: castai-health-exporter.enabled\n";
    fs::write(path.join("Chart.yaml"), chart).unwrap();
    fs::write(path.join("values.yaml"), values).unwrap();
    fs::create_dir(path.join("charts")).unwrap();
    std::os::unix::fs::symlink(CHART, path.join("charts/castai-health-exporter")).unwrap();
    fs::create_dir(path.join("templates")).unwrap();
    let own = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: umbrella}\n";
    fs::write(path.join("templates/own.yaml"), own).unwrap();
    let mut arguments = vec!["template", "castai", path.to_str().unwrap()];
    arguments.extend(["--namespace", "castai-agent"]);
    arguments.extend(set.iter().flat_map(|value| ["--set", *value]));
    helm.offline(&arguments).await.unwrap()
}

#[tokio::test]
async fn usual_globals_of_umbrella_charts_work_unmodified() {
    for helm in Helm::both() {
        let rendered = Rendered::parse(&umbrella(&helm, CASTAI, &[]).await);
        let image = "mirror.example.com/castai-health-exporter:0.1.0";
        assert_eq!(rendered.container()["image"], image);
        let tolerations = rendered.pod()["tolerations"].as_array().unwrap();
        let keys: Vec<_> = tolerations.iter().map(|one| one["key"].as_str()).collect();
        assert_eq!(keys, [Some("CriticalAddonsOnly"), Some("castai")]);

        for values in [STACK, GRAFANA] {
            let rendered = Rendered::parse(&umbrella(&helm, values, &[]).await);
            assert_eq!(rendered.container()["image"], image);
            let secret = &rendered.pod()["imagePullSecrets"][0]["name"];
            assert_eq!(secret, "registry-credentials");
        }
        let rendered = Rendered::parse(&umbrella(&helm, AGENT_DEFAULTS, &[]).await);
        assert_eq!(rendered.container()["image"], image);
        for list in ["tolerations", "imagePullSecrets"] {
            assert_eq!(rendered.pod().get(list), None, "{list}");
        }
    }
}

#[tokio::test]
async fn condition_of_the_umbrella_switches_the_chart_off() {
    for helm in Helm::both() {
        let off = ["castai-health-exporter.enabled=false"];
        let rendered = Rendered::parse(&umbrella(&helm, CASTAI, &off).await);
        assert!(rendered.of_kind("Deployment").is_empty());
        assert_eq!(rendered.of_kind("ConfigMap").len(), 1);
    }
}
