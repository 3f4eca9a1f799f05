//! Configurations of Datadog and New Relic: what they read and discover with them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, thread};

use castai_health_exporter::metrics::exposition;
use castai_health_exporter::metrics::process::Process;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::fixture;

use super::configurations::{deployment, kubernetes_promtool};
use crate::support::cluster::Cluster;
use crate::support::exposition_server::serve;
use crate::support::pages::block;
use crate::support::python;

/// Runs Datadog's generic check with an instance, and prints what it would send.
const DATADOG_CHECK: &str = r#"
import json, sys
from datadog_checks.base import OpenMetricsBaseCheckV2
from datadog_checks.base.stubs import aggregator

class OpenMetricsCheck(OpenMetricsBaseCheckV2):
    __NAMESPACE__ = ""

error = OpenMetricsCheck("openmetrics", {}, [json.loads(sys.argv[1])]).run()
if error:
    sys.exit(error)
json.dump([[name, metric.tags] for name in aggregator.metric_names for metric in aggregator.metrics(name)], sys.stdout)
"#;

/// The jobs that New Relic's chart configures by default, as its documentation describes them: pods
/// with the annotation of Prometheus only if it has a dashboard for their application, and pods with
/// its own annotation. Its configurator is not in a package registry.
const NEW_RELIC: &str = r#"
scrape_configs:
  - job_name: default-pod
    kubernetes_sd_configs: [{role: pod, kubeconfig_file: KUBECONFIG}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: "true", action: keep}
      - {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name], regex: ".*(redis|nginx|coredns|argocd).*", action: keep}
ADDRESS
  - job_name: newrelic-pod
    kubernetes_sd_configs: [{role: pod, kubeconfig_file: KUBECONFIG}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_annotation_newrelic_io_scrape], regex: "true", action: keep}
ADDRESS
"#;
/// Relabelings by the annotations of a pod, in both jobs.
const ADDRESS: &str = r#"
      - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path], regex: (.+), target_label: __metrics_path__}
      - {source_labels: [__address__, __meta_kubernetes_pod_annotation_prometheus_io_port], regex: "(.+?)(?::[0-9]+)?;([0-9]+)", replacement: "$1:$2", target_label: __address__}
      - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
"#;

/// Runs a program and returns its output, or its error output.
fn output(command: &mut Command) -> Result<String, String> {
    let ran = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if ran.status.success() {
        Ok(text(&ran.stdout))
    } else {
        Err(text(&ran.stderr))
    }
}

/// Returns the annotations of the companion's pod with these values.
async fn annotations(values: &str) -> Value {
    deployment(values).await["spec"]["template"]["metadata"]["annotations"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn datadog_gets_every_root_cause_and_no_consequence() {
    let python = python::installed("datadog").await.unwrap();
    let annotation = &annotations(&block("values datadog")).await["ad.datadoghq.com/castai-health-exporter.checks"];
    let checks: Value = serde_json::from_str(annotation.as_str().unwrap()).unwrap();
    let mut instance = checks["openmetrics"]["instances"][0].clone();
    let states = fixture::dns_outage().check_states();
    let exposed = exposition(&states, &fixture::exporter(), &Process::read());
    let failures = |text: &str| {
        let lines = exposed.lines();
        lines
            .filter(|line| line.starts_with("castai_health_failure{") && line.contains(text))
            .count()
    };
    assert!(failures("") > failures("caused_by=\"\""), "{exposed}");
    let roots = failures("caused_by=\"\"");
    let address = serve(String::new(), exposed.clone()).await;
    // The Agent replaces these with the pod's address and the number of the port.
    let endpoint = instance["openmetrics_endpoint"].as_str().unwrap();
    instance["openmetrics_endpoint"] =
        json!(endpoint.replace("%%host%%:%%port_health-metrics%%", &address));
    let dir = TempDir::new().unwrap();
    let script = dir.path().join("check.py");
    fs::write(&script, DATADOG_CHECK).unwrap();
    let run = |instance: &Value| {
        let mut command = Command::new(&python);
        // A rule for Datadog's own integrations: no tag may be called `version`.
        command.env("DDEV_SKIP_GENERIC_TAGS_CHECK", "true");
        output(command.arg(&script).arg(instance.to_string()))
    };
    let sent = run(&instance).unwrap_or_else(|error| panic!("{instance}: {error}"));
    let sent: Vec<(String, Vec<String>)> = serde_json::from_str(&sent).unwrap();
    let of = |name: &str| {
        sent.iter()
            .filter(|(one, _)| one == name)
            .collect::<Vec<_>>()
    };
    let sent_failures = of("castai_health.failure");
    assert_eq!(sent_failures.len(), roots, "{sent_failures:?}");
    for tag in ["check:dns", "mode:net_dns_timeout", "severity:critical"] {
        assert!(
            sent_failures[0].1.iter().any(|one| one == tag),
            "{tag}: {sent_failures:?}"
        );
    }
    for name in [
        "castai_health.check_status",
        "castai_health.check_attempts.count",
    ] {
        assert!(!of(name).is_empty(), "{name}: {sent:?}");
    }
    assert!(
        sent.iter()
            .all(|(_, tags)| !tags.iter().any(|tag| tag.starts_with("caused_by")))
    );
    // Without the exclusion, the check sends all of them.
    instance["exclude_metrics_by_labels"] = json!({});
    let sent = run(&instance).unwrap();
    assert_eq!(
        sent.matches("\"castai_health.failure\"").count(),
        failures("")
    );
}

#[tokio::test]
async fn new_relic_scrapes_the_annotated_pod_once() {
    let cluster = Cluster::start(1).await.unwrap();
    let dir = TempDir::new().unwrap();
    let config = dir.path().join("prometheus.yaml");
    let kubeconfig = cluster.kubeconfig().to_str().unwrap();
    let text = NEW_RELIC.replace("ADDRESS", ADDRESS.trim_matches('\n'));
    fs::write(&config, text.replace("KUBECONFIG", kubeconfig)).unwrap();

    cluster
        .kubectl(&["create", "namespace", "castai-agent"])
        .await
        .unwrap();
    let documented = block("values new-relic");
    for (values, wanted) in [
        (documented.as_str(), &["newrelic-pod"][..]),
        // Without the annotation of New Relic, its filter drops the pod.
        ("{}", &[]),
    ] {
        let deployment = deployment(values).await;
        run_pod(&cluster, dir.path(), &deployment, ("10.1.2.3", 9878)).await;
        let config = config.as_path();
        let jobs = ["default-pod", "newrelic-pod"];
        let targets = thread::scope(|scope| {
            let runs = jobs.map(|job| scope.spawn(move || target(config, job)));
            runs.map(|run| run.join().unwrap())
        });
        let mut scraping = Vec::new();
        for (job, labels) in jobs.into_iter().zip(targets) {
            if labels.as_object().is_some_and(|labels| !labels.is_empty()) {
                assert_eq!(labels["__address__"], "10.1.2.3:9878");
                assert_eq!(labels["__metrics_path__"], "/metrics");
                assert_eq!(labels["namespace"], "castai-agent");
                scraping.push(job);
            }
        }
        assert_eq!(scraping, wanted, "{values}");
    }
}

/// Replaces the only pod of the cluster with one that a Deployment would run, with an address and the
/// number of its port.
pub(super) async fn run_pod(
    cluster: &Cluster,
    folder: &Path,
    deployment: &Value,
    address: (&str, u16),
) {
    let (ip, port) = address;
    let template = &deployment["spec"]["template"];
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "companion", "namespace": "castai-agent",
            "labels": template["metadata"]["labels"], "annotations": template["metadata"]["annotations"],
        },
        "spec": {
            "nodeName": "node", "automountServiceAccountToken": false,
            "containers": template["spec"]["containers"],
        },
    });
    pod["spec"]["containers"][0]["volumeMounts"] = json!([]);
    pod["spec"]["containers"][0]["ports"][0]["containerPort"] = json!(port);
    let manifest = folder.join("pod.json");
    fs::write(&manifest, pod.to_string()).unwrap();
    let replace = [
        "replace",
        "--force",
        "--grace-period=0",
        "-f",
        manifest.to_str().unwrap(),
    ];
    cluster.kubectl(&replace).await.unwrap();
    let status = json!({"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}});
    let patch = [
        "patch",
        "pod",
        "companion",
        "-n",
        "castai-agent",
        "--subresource=status",
        "--type=merge",
    ];
    let status = status.to_string();
    let patch = [&patch[..], &["-p", &status]].concat();
    cluster.kubectl(&patch).await.unwrap();
}

/// Returns the labels that a job gives to the only target, or none if it drops it.
fn target(config: &Path, job: &str) -> Value {
    let mut promtool = kubernetes_promtool();
    // It collects updates until then; each is the same pod.
    let arguments = ["check", "service-discovery", "--timeout=10s"];
    let found = output(promtool.args(arguments).arg(config).arg(job)).unwrap();
    let found: Value = serde_json::from_str(&found).unwrap();
    let found = found.as_array().and_then(|targets| targets.last());
    let found = found.unwrap_or_else(|| panic!("{job} discovers no pod"));
    found["labels"].clone()
}
