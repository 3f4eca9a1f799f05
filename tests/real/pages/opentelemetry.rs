//! The OpenTelemetry Collector between the exporter and Prometheus.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::time_scale::TimeScale;
use castai_health_exporter::metrics::exposition;
use castai_health_exporter::metrics::process::Process as ProcessFigures;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::fixture;
use tokio::time::{Instant, sleep};

use super::collectors::run_pod;
use super::configurations::deployment;
use crate::support::cluster::Cluster;
use crate::support::exposition_server::serve;
use crate::support::monitoring::{Monitoring, Process, RUNBOOKS};
use crate::support::pages::block;

/// Much more than it takes until every rule has seen the series, on a busy machine.
const GIVE_UP: Duration = Duration::from_mins(2);

#[tokio::test]
async fn opentelemetry_collector_raises_the_alerts_of_a_direct_scrape() {
    let cluster = Cluster::start(1).await.unwrap();
    let settings = GeneratorOptions {
        time_scale: TimeScale::faster(60),
        runbook_base: RUNBOOKS,
    };
    let monitoring = Monitoring::start(&settings, Duration::from_secs(1)).await;
    let states = fixture::dns_outage().check_states();
    let exposed = exposition(&states, &fixture::exporter(), &ProcessFigures::read());
    let address = serve(String::new(), exposed).await;
    monitoring.scrape("direct", &[&address]);

    let dir = TempDir::new().unwrap();
    let namespace = ["create", "namespace", "castai-agent"];
    cluster.kubectl(&namespace).await.unwrap();
    let (ip, port) = address.split_once(':').unwrap();
    let pod = (ip, port.parse().unwrap());
    run_pod(&cluster, dir.path(), &deployment("{}").await, pod).await;
    let _collector = start_collector(dir.path(), &cluster, &monitoring);

    let began = Instant::now();
    loop {
        let alerts = monitoring.alerts().await;
        let [direct, collected] = ["direct", "castai-agent"].map(|of| alerts_in(&alerts, of));
        if !direct.is_empty() && direct == collected {
            break;
        }
        let log = fs::read_to_string(dir.path().join("collector.log")).unwrap();
        assert!(
            began.elapsed() < GIVE_UP,
            "{direct:#?}\n{collected:#?}\n{log}"
        );
        sleep(Duration::from_millis(500)).await;
    }
}

/// Starts the collector with the documented configuration, at the pace of the test.
fn start_collector(folder: &Path, cluster: &Cluster, monitoring: &Monitoring) -> Process {
    let mut config: Value = serde_saphyr::from_str(&block("opentelemetry")).unwrap();
    let scrape = &mut config["receivers"]["prometheus/castai"]["config"]["scrape_configs"][0];
    scrape["scrape_interval"] = json!("1s");
    scrape["scrape_timeout"] = json!("1s");
    // In a pod, the discovery uses the service account.
    scrape["kubernetes_sd_configs"][0]["kubeconfig_file"] = json!(cluster.kubeconfig());
    let url = monitoring.remote_write_url();
    config["exporters"] = json!({ "prometheusremotewrite": { "endpoint": url } });
    config["service"]["telemetry"] = json!({ "metrics": { "level": "none" } });
    let path = folder.join("collector.yaml");
    fs::write(&path, config.to_string()).unwrap();
    let program = env::var_os("COLLECTOR_TEST_BINARY").expect("`make test` sets it");
    let arguments = ["--config", path.to_str().unwrap()];
    Process::start(folder, Path::new(&program), &arguments)
}

/// Returns the failures that alerts in a namespace are about, by name, check, mode and severity.
fn alerts_in(alerts: &[Value], namespace: &str) -> BTreeSet<String> {
    alerts
        .iter()
        .map(|alert| &alert["labels"])
        .filter(|labels| labels["namespace"] == namespace && labels["check"].is_string())
        .map(|labels| {
            let of = ["alertname", "check", "mode", "severity"].map(|name| &labels[name]);
            format!("{of:?}")
        })
        .collect()
}
