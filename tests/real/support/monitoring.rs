//! Debian's Prometheus and Alertmanager on loopback, and a webhook that records notifications.
//!
//! Alertmanager is configured as kube-prometheus-stack configures it by default: its grouping, its
//! inhibition rules, nothing of ours. Its receiver is called `null`; here it is the webhook.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::rules::{exporter, groups};
use castai_health_exporter::alerting::time_scale::TimeScale;
use castai_health_exporter::alerting::yaml::Yaml;
use castai_health_exporter::catalogue::ExporterAlert;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::support::webhook::{Notification, receive};

/// Base URL of the runbooks in these tests.
pub(crate) const RUNBOOKS: &str = "https://example.org/runbooks";

/// Variable with a Prometheus other than Debian's.
const PROMETHEUS_VARIABLE: &str = "PROMETHEUS";

/// Prometheus with our rules, the Alertmanager, and the webhook.
pub(crate) struct Monitoring {
    directory: TempDir,
    prometheus: String,
    notifications: watch::Receiver<Vec<Notification>>,
    program: Process,
    /// Dropping it kills the process.
    _alertmanager: Process,
}

/// A child process that is killed on drop.
pub(crate) struct Process(Child);

impl Monitoring {
    /// Starts everything with the rules and the grouping at this time scale.
    pub(crate) async fn start(settings: &GeneratorOptions<'_>, scrape: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for folder in ["rules", "targets", "prometheus", "alertmanager"] {
            fs::create_dir(path.join(folder)).unwrap();
        }
        // The optional alerts are loaded too: the watchdog proves that notifications are delivered.
        for group in groups(settings)
            .into_iter()
            .chain([exporter::optional(settings)])
        {
            let document =
                Yaml::map([("groups", Yaml::List(vec![group.yaml(settings.time_scale)]))])
                    .document();
            fs::write(path.join(format!("rules/{}.yaml", group.name)), document).unwrap();
        }
        let (receiver, notifications) = receive().await;
        let [prometheus, manager] = [free_port(), free_port()];
        let configuration = kube_prometheus_stack(&receiver, settings.time_scale);
        fs::write(path.join("alertmanager.yaml"), configuration.to_string()).unwrap();
        let every = format!("{}ms", scrape.as_millis());
        let configuration = json!({
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": ["rules/*.yaml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
            "scrape_configs": [{
                "job_name": "castai-health-exporter",
                "file_sd_configs": [{"files": ["targets/*.json"], "refresh_interval": "1s"}],
            }],
        });
        fs::write(path.join("prometheus.yaml"), configuration.to_string()).unwrap();
        let program = start_prometheus(path, &prometheus);
        let arguments = [
            "--config.file=alertmanager.yaml",
            "--storage.path=alertmanager",
            "--cluster.listen-address=",
            &format!("--web.listen-address={manager}"),
        ];
        let alertmanager = Process::start(path, Path::new("prometheus-alertmanager"), &arguments);
        for address in [&prometheus, &manager] {
            ready(address, path).await;
        }
        Self {
            directory,
            prometheus,
            notifications,
            program,
            _alertmanager: alertmanager,
        }
    }

    /// Returns the URL that receives samples by remote write.
    pub(crate) fn remote_write_url(&self) -> String {
        format!("http://{}/api/v1/write", self.prometheus)
    }

    /// Kills Prometheus and starts it again.
    pub(crate) async fn restart_prometheus(&mut self) {
        self.program.end();
        self.program = start_prometheus(self.directory.path(), &self.prometheus);
        ready(&self.prometheus, self.directory.path()).await;
    }

    /// Sets the exporters of a cluster as scrape targets; an empty list removes the cluster.
    ///
    /// kube-prometheus-stack groups by namespace alone, so each cluster has another namespace here,
    /// as if each had a separate Alertmanager.
    pub(crate) fn scrape(&self, cluster: &str, addresses: &[&str]) {
        let labels = json!({"cluster": cluster, "namespace": cluster});
        let targets = json!([{"targets": addresses, "labels": labels}]).to_string();
        let folder = self.directory.path().join("targets");
        // Renamed into place, so that Prometheus never reads half a file.
        let (new, file) = (
            folder.join(format!("{cluster}.new")),
            folder.join(format!("{cluster}.json")),
        );
        fs::write(&new, targets).unwrap();
        fs::rename(new, file).unwrap();
    }

    /// Returns the notifications of a cluster so far.
    pub(crate) fn notifications(&self, cluster: &str) -> Vec<Notification> {
        notifications_of(&self.notifications.borrow(), cluster)
    }

    /// Waits until the latest notification of a cluster has this status.
    pub(crate) async fn wait_for_status(
        &self,
        cluster: &str,
        status: &str,
        within: Duration,
    ) -> Option<Notification> {
        let mut notifications = self.notifications.clone();
        let wanted = |all: &Vec<Notification>| {
            notifications_of(all, cluster)
                .last()
                .is_some_and(|one| one.body["status"] == status)
        };
        let received = timeout(within, notifications.wait_for(wanted))
            .await
            .ok()?
            .expect("the webhook stopped");
        notifications_of(&received, cluster).pop()
    }

    /// Returns all notifications except the watchdog's.
    pub(crate) fn all_notifications(&self) -> Vec<Notification> {
        let all = self.notifications.borrow();
        all.iter()
            .filter(|one| !is_watchdog(one))
            .cloned()
            .collect()
    }

    /// Whether a notification of the watchdog arrived.
    pub(crate) fn watchdog_notified(&self) -> bool {
        self.notifications.borrow().iter().any(is_watchdog)
    }

    /// Scrapes one address as many clusters.
    pub(crate) fn scrape_as(
        &self,
        clusters: usize,
        path_of: impl Fn(usize) -> String,
        address: &str,
    ) {
        let target = |i: usize| {
            let name = format!("cluster-{i:03}");
            json!({"targets": [address], "labels": {
                "cluster": name, "namespace": "castai-agent", "instance": format!("10.0.{}.{}:9878", i / 250, i % 250),
                "__metrics_path__": path_of(i),
            }})
        };
        let targets: Vec<Value> = (0..clusters).map(target).collect();
        let folder = self.directory.path().join("targets");
        fs::write(folder.join("fleet.new"), json!(targets).to_string()).unwrap();
        fs::rename(folder.join("fleet.new"), folder.join("fleet.json")).unwrap();
    }

    /// Returns the duration of the latest evaluation of each rule.
    pub(crate) async fn evaluations(&self) -> Vec<(String, f64)> {
        let answer = get(&self.prometheus, "/api/v1/rules")
            .await
            .expect("Prometheus does not respond");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let groups = answer["data"]["groups"].as_array().unwrap().clone();
        let rules = groups.iter().flat_map(|group| {
            group["rules"]
                .as_array()
                .unwrap()
                .iter()
                .map(move |rule| (group, rule))
        });
        rules
            .map(|(group, rule)| {
                assert_eq!(rule["health"], "ok", "{rule}");
                let name = format!("{} {} {}", group["name"], rule["name"], rule["labels"]);
                (name, rule["evaluationTime"].as_f64().unwrap())
            })
            .collect()
    }

    /// Returns the pending and firing alerts, with their annotations.
    pub(crate) async fn alerts(&self) -> Vec<Value> {
        let answer = get(&self.prometheus, "/api/v1/alerts")
            .await
            .expect("Prometheus does not respond");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["data"]["alerts"].as_array().unwrap().clone()
    }

    /// Returns the resident memory of Prometheus, in bytes.
    pub(crate) async fn memory(&self) -> f64 {
        let metrics = get(&self.prometheus, "/metrics")
            .await
            .expect("Prometheus does not respond");
        let memory = metrics
            .lines()
            .find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
        memory
            .and_then(|bytes| bytes.parse().ok())
            .expect("Prometheus does not report its memory")
    }

    /// Runs a range query over the last minutes.
    pub(crate) async fn query(&self, expr: &str, minutes: u64) -> Result<Vec<Value>, String> {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("query", expr)
            .append_pair("start", &(now - minutes * 60).to_string())
            .append_pair("end", &now.to_string())
            .append_pair("step", "5")
            .finish();
        let answer = get(&self.prometheus, &format!("/api/v1/query_range?{query}"))
            .await
            .ok_or("no answer")?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        if answer["status"] != "success" {
            return Err(answer["error"].to_string());
        }
        Ok(answer["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default())
    }
}

fn start_prometheus(path: &Path, address: &str) -> Process {
    let listen = format!("--web.listen-address={address}");
    let arguments = [
        "--config.file=prometheus.yaml",
        "--storage.tsdb.path=prometheus",
        // Resend sooner than the default minute alerts that no Alertmanager received.
        "--rules.alert.resend-delay=2s",
        "--web.enable-remote-write-receiver",
        &listen,
    ];
    let program = env::var_os(PROMETHEUS_VARIABLE).unwrap_or_else(|| "prometheus".into());
    Process::start(path, Path::new(&program), &arguments)
}

/// Waits until a program with this folder is ready.
async fn ready(address: &str, folder: &Path) {
    let began = Instant::now();
    while get(address, "/-/ready").await.is_none() {
        let log =
            |name: &str| fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
        let logs = [log("prometheus"), log("prometheus-alertmanager")].concat();
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "{address} is not ready: {logs}"
        );
        sleep(Duration::from_millis(100)).await;
    }
}

fn notifications_of(all: &[Notification], cluster: &str) -> Vec<Notification> {
    let of = |one: &&Notification| one.body["groupLabels"]["namespace"] == cluster;
    all.iter().filter(of).cloned().collect()
}

fn is_watchdog(one: &Notification) -> bool {
    one.body["commonLabels"]["alertname"] == ExporterAlert::Watchdog.entry().name
}

/// The Alertmanager configuration in the default values of the chart kube-prometheus-stack
/// (`alertmanager.config`), with the webhook as its only receiver.
fn kube_prometheus_stack(webhook: &str, time_scale: TimeScale) -> Value {
    let of = |seconds: u64| time_scale.format(Duration::from_secs(seconds));
    json!({
        "global": {"resolve_timeout": of(300)},
        "inhibit_rules": [
            {
                "source_matchers": ["severity = critical"],
                "target_matchers": ["severity =~ warning|info"],
                "equal": ["namespace", "alertname"],
            },
            {
                "source_matchers": ["severity = warning"],
                "target_matchers": ["severity = info"],
                "equal": ["namespace", "alertname"],
            },
            {
                "source_matchers": ["alertname = InfoInhibitor"],
                "target_matchers": ["severity = info"],
                "equal": ["namespace"],
            },
            {"target_matchers": ["alertname = InfoInhibitor"]},
        ],
        "route": {
            "group_by": ["namespace"],
            "group_wait": of(30),
            "group_interval": of(300),
            "repeat_interval": of(12 * 3600),
            "receiver": "null",
            "routes": [{"receiver": "null", "matchers": ["alertname = \"Watchdog\""]}],
        },
        "receivers": [{"name": "null", "webhook_configs": [{"url": format!("http://{webhook}/")}]}],
    })
}

impl Process {
    /// Starts a program in a folder, which gets its log.
    pub(crate) fn start(directory: &Path, program: &Path, arguments: &[&str]) -> Self {
        let name = program.file_name().unwrap().display();
        let log = fs::File::create(directory.join(format!("{name}.log"))).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{name}: {error}; run `make install`")))
    }
}

impl Process {
    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

/// Returns the body of a response with status 200.
async fn get(address: &str, path: &str) -> Option<String> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .ok()?;
    tokio::spawn(connection);
    let request = hyper::Request::builder().uri(path).header("host", address);
    let answer = sender
        .send_request(request.body(Empty::<bytes::Bytes>::new()).ok()?)
        .await
        .ok()?;
    let fine = answer.status().is_success();
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    fine.then(|| String::from_utf8_lossy(&body).into_owned())
}
