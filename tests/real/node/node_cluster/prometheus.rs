//! A real Prometheus that discovers the pods of a node cluster.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Instant;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::rules::groups;
use castai_health_exporter::alerting::time_scale::TimeScale;
use castai_health_exporter::alerting::yaml::Yaml;
use serde_json::{Value, json};
use test_support::exporter::fetch;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::{NODE, NodeCluster, POLL_INTERVAL, RULE_SPEEDUP, TIMEOUT};
use crate::support::monitoring::RUNBOOKS;
use crate::support::pages;

/// A real Prometheus in the node's network. Dropping it kills it.
pub(in crate::node) struct Prometheus {
    _process: Child,
    address: String,
}

impl NodeCluster {
    /// Returns the targets of Prometheus' pod discovery: one for each port of each container.
    /// Debian's Prometheus lacks this discovery, so the labels come from a file.
    async fn discovered(&self) -> Value {
        let list = self.get(&["pods"]).await;
        let mut targets = Vec::new();
        for pod in list["items"].as_array().unwrap() {
            for container in pod["spec"]["containers"].as_array().unwrap() {
                for port in container["ports"].as_array().into_iter().flatten() {
                    let address = format!(
                        "{}:{}",
                        pod["status"]["podIP"].as_str().unwrap(),
                        port["containerPort"]
                    );
                    let labels = json!({
                        "__meta_kubernetes_namespace": pod["metadata"]["namespace"],
                        "__meta_kubernetes_pod_name": pod["metadata"]["name"],
                        "__meta_kubernetes_pod_container_port_name": port["name"],
                    });
                    targets.push(json!({ "targets": [address], "labels": labels }));
                }
            }
        }
        Value::Array(targets)
    }

    /// Starts a real Prometheus in the node's network, configured as in docs/monitoring.md.
    pub(in crate::node) async fn prometheus(&self) -> Prometheus {
        let folder = self.dir.path().join("prometheus");
        fs::create_dir_all(&folder).unwrap();
        let targets = folder.join("targets.json");
        fs::write(&targets, self.discovered().await.to_string()).unwrap();
        let config = pages::block("scrape");
        let (_, config) = config.split_once("scrape_configs:\n").unwrap();
        let (before, discovery) = config.split_once("    kubernetes_sd_configs:\n").unwrap();
        let (_, after) = discovery.split_once("    relabel_configs:\n").unwrap();
        let settings = GeneratorOptions {
            time_scale: TimeScale::faster(RULE_SPEEDUP),
            runbook_base: RUNBOOKS,
        };
        for group in groups(&settings) {
            let rules = Yaml::map([("groups", Yaml::List(vec![group.yaml(settings.time_scale)]))])
                .document();
            fs::write(folder.join(format!("{}.rules", group.name)), rules).unwrap();
        }
        let config = format!(
            "rule_files: ['*.rules']\nscrape_configs:\n{before}    file_sd_configs: [{{ files: [{}] }}]\n    scrape_interval: 2s\n    scrape_timeout: 2s\n    \
             relabel_configs:\n{after}",
            targets.display()
        );
        fs::write(folder.join("prometheus.yml"), config).unwrap();
        let init = self.init();
        let mut log = fs::File::create(folder.join("log")).unwrap();
        log.flush().unwrap();
        let process = Command::new("nsenter")
            .args([
                "--target",
                &init,
                "--net",
                "prometheus",
                "--web.listen-address=10.77.0.1:9090",
            ])
            .arg(format!(
                "--config.file={}",
                folder.join("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Prometheus {
            _process: process,
            address: self.open(NODE, 9090).await,
        }
    }
}

impl Prometheus {
    /// Waits until a query returns this number.
    pub(in crate::node) async fn wait_for_query(&self, query: &str, wanted: f64) {
        let began = Instant::now();
        let path: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        loop {
            let answer = fetch(&self.address, &format!("/api/v1/query?query={path}"))
                .await
                .unwrap_or_default();
            let json: Value = serde_json::from_str(&answer).unwrap_or_default();
            let value = json["data"]["result"][0]["value"][1]
                .as_str()
                .and_then(|text| text.parse::<f64>().ok());
            if value.is_some_and(|value| (value - wanted).abs() < 0.5) {
                println!(
                    "{query} is {wanted} after {:.1} s",
                    began.elapsed().as_secs_f64()
                );
                return;
            }
            assert!(
                began.elapsed() < TIMEOUT,
                "{query} is not {wanted}: {answer}"
            );
            sleep(POLL_INTERVAL).await;
        }
    }
}
