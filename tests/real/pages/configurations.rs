//! Configurations of Helm, Argo CD, Flux, Prometheus and of what embeds Prometheus.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::helm::{CHART, Helm, POLICY_API_VERSION};
use crate::support::pages::{Test, block, blocks};

/// Start of the names of blocks with values of the chart.
pub(super) const VALUES: &str = "values ";
pub(super) const TESTED: &[&str] = &[
    "umbrella",
    "argo-cd",
    "flux",
    "scrape",
    "opentelemetry",
    "remote write",
];
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Renders the chart with these values.
async fn render(helm: &Helm, values: &str) -> Result<String, String> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("values.yaml");
    fs::write(&path, values).unwrap();
    let mut arguments = vec!["template", "castai-health-exporter", CHART];
    arguments.extend(["--namespace", "castai-agent"]);
    arguments.extend(["--api-versions", POLICY_API_VERSION]);
    arguments.extend(["--values", path.to_str().unwrap()]);
    // Last, so that a block may leave it out.
    arguments.extend(["--set", "image.registry=registry.example.com"]);
    helm.offline(&arguments).await
}

#[tokio::test]
async fn values_of_the_pages_render() {
    let mut count = 0;
    for block in blocks() {
        let Test::Named(name) = &block.test else {
            continue;
        };
        if name.starts_with(VALUES) {
            assert_eq!(block.language, "yaml", "{name}");
            for helm in Helm::both() {
                let rendered = render(&helm, &block.text).await;
                rendered.unwrap_or_else(|error| panic!("{name}: {error}"));
            }
            count += 1;
        }
    }
    assert!(count >= 7, "{count}");
}

/// Returns the companion's Deployment with these values.
pub(super) async fn deployment(values: &str) -> Value {
    let rendered = render(&Helm::latest(), values).await.unwrap();
    let objects = rendered.split("\n---\n");
    objects
        .map(|object| serde_saphyr::from_str::<Value>(object).unwrap())
        .find(|object| object["kind"] == "Deployment")
        .unwrap()
}

#[tokio::test]
async fn datadog_annotation_names_our_container_and_port() {
    let deployment = deployment(&block("values datadog")).await;
    let template = &deployment["spec"]["template"];
    let container = &template["spec"]["containers"][0];
    let name = container["name"].as_str().unwrap();
    let annotation =
        &template["metadata"]["annotations"][format!("ad.datadoghq.com/{name}.checks")];
    let checks: Value = serde_json::from_str(annotation.as_str().unwrap()).unwrap();
    let instance = &checks["openmetrics"]["instances"][0];
    let endpoint = instance["openmetrics_endpoint"].as_str().unwrap();
    let port = container["ports"][0]["name"].as_str().unwrap();
    assert_eq!(endpoint, format!("http://%%host%%:%%port_{port}%%/metrics"));
}

#[tokio::test]
async fn argo_cd_and_flux_render_the_chart_of_this_repository() {
    let argo: Value = serde_saphyr::from_str(&block("argo-cd")).unwrap();
    let flux = block("flux");
    let (source, release) = flux.split_once("---\n").unwrap();
    let [source, release]: [Value; 2] =
        [source, release].map(|text| serde_saphyr::from_str(text).unwrap());
    let argo_source = &argo["spec"]["source"];
    let chart = &release["spec"]["chart"]["spec"];
    assert_eq!(chart["sourceRef"]["name"], source["metadata"]["name"]);
    for (chart, values) in [
        (&argo_source["path"], &argo_source["helm"]["valuesObject"]),
        (&chart["chart"], &release["spec"]["values"]),
    ] {
        assert!(
            Path::new(ROOT)
                .join(chart.as_str().unwrap())
                .join("Chart.yaml")
                .is_file()
        );
        for helm in Helm::both() {
            let rendered = render(&helm, &values.to_string()).await.unwrap();
            for kind in ["PodMonitor", "PrometheusRule", "Deployment"] {
                assert!(rendered.contains(&format!("\nkind: {kind}\n")), "{kind}");
            }
        }
    }
}

#[tokio::test]
async fn umbrella_chart_builds_with_the_chart_as_a_dependency() {
    for helm in Helm::both() {
        let dir = TempDir::new().unwrap();
        let umbrella = dir.path().join("platform");
        fs::create_dir(&umbrella).unwrap();
        std::os::unix::fs::symlink(ROOT, dir.path().join("castai-health-exporter")).unwrap();
        fs::write(umbrella.join("Chart.yaml"), block("umbrella")).unwrap();
        let path = umbrella.to_str().unwrap();
        helm.offline(&["dependency", "update", path]).await.unwrap();
        let set = ["--set", "global.imageRegistry=registry.example.com"];
        let template = [&["template", "platform", path], set.as_slice()].concat();
        let rendered = helm.offline(&template).await.unwrap();
        assert!(rendered.contains("image: \"registry.example.com/castai-health-exporter:0.1.0\""));
    }
}

/// Returns a promtool with the discovery in Kubernetes, which Debian's lacks.
pub(super) fn kubernetes_promtool() -> Command {
    let folder = std::env::var_os("PROMETHEUS_TEST_BINARIES").expect("`make test` sets it");
    Command::new(Path::new(&folder).join("promtool"))
}

/// Asserts that promtool accepts a configuration, which may name rules of the repository.
fn assert_prometheus_accepts(config: &str) {
    let dir = TempDir::new().unwrap();
    std::os::unix::fs::symlink(Path::new(ROOT).join("alerts"), dir.path().join("alerts")).unwrap();
    let path = dir.path().join("prometheus.yml");
    fs::write(&path, config).unwrap();
    let ran = kubernetes_promtool()
        .args(["check", "config"])
        .arg(&path)
        .output()
        .unwrap();
    let text = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(ran.status.success(), "{config}\n{}", text.concat());
}

#[test]
fn prometheus_accepts_the_scrape_configuration_with_the_rules() {
    assert_prometheus_accepts(&block("scrape"));
    assert_prometheus_accepts(&block("remote write"));
}
