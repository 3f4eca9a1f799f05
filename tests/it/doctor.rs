//! `check` on a person's machine: it reads from the exporters in the cluster through the API server, and
//! checks itself what needs nothing but the API.

mod access;
mod exporters;
mod same_root;
mod short_lived_pod;
mod sidecars;

use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use lab::apiserver::workload;
use serde_json::{Value, json};
use test_support::exporter::{Exporter, fetch, program};
use test_support::lab_cluster::LabCluster;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// Allowance for the first attempts of all checks on a busy machine.
const READY_TIMEOUT: Duration = Duration::from_mins(2);

/// A lab cluster in which the agent has the exporter as a sidecar, and a person with a kubeconfig.
struct Bed {
    lab: LabCluster,
    leases: JoinHandle<()>,
}

impl Bed {
    /// Starts in a lab cluster without an exporter.
    fn new(lab: LabCluster) -> Self {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: lab\n\
             contexts: [{{ name: lab, context: {{ cluster: lab, user: me }} }}]\n\
             clusters: [{{ name: lab, cluster: {{ server: 'https://{}', certificate-authority: ca.crt }} }}]\n\
             users: [{{ name: me, user: {{ token: {} }} }}]\n",
            lab.api.addr(),
            lab::TOKEN,
        );
        fs::write(lab.mounted("kubeconfig"), text).unwrap();
        // The person's machine has the timeouts of the lab, and no names but those in the cluster.
        fs::write(lab.mounted("laptop.yaml"), laptop_file(&lab)).unwrap();
        let leases = tokio::spawn(workload::renew_leases(lab.api.objects().clone()));
        Self { lab, leases }
    }

    fn kubeconfig(&self) -> PathBuf {
        self.lab.mounted("kubeconfig")
    }

    /// Adds the exporter to the agent's pod with these arguments, served at this address.
    fn add_sidecar(&self, exporter: &Exporter, arguments: &[&str]) {
        let container = json!({
            "name": "castai-health-exporter", "image": "local.test/exporter:1", "args": arguments,
            "ports": [{ "name": "health-metrics", "containerPort": 9878 }],
        });
        let objects = self.lab.api.objects();
        objects.change("Pod", workload::AGENT, workload::POD, |pod| {
            pod["spec"]["containers"]
                .as_array_mut()
                .unwrap()
                .push(container);
        });
        let address = exporter.address().parse().unwrap();
        self.lab.api.forward_to(workload::POD, address);
    }

    /// Starts the exporter in the agent's pod, and waits for the first result of each check.
    async fn start_sidecar(&self) -> Exporter {
        let file = self.lab.mounted("exporter.yaml");
        fs::write(&file, &self.lab.file).unwrap();
        let exporter = Exporter::start(&self.lab.env, &file).await;
        self.add_sidecar(&exporter, &["run", "--vantage=sidecar"]);
        let deadline = Instant::now() + READY_TIMEOUT;
        while fetch(exporter.address(), "/-/ready")
            .await
            .unwrap()
            .contains("no verdict")
        {
            assert!(Instant::now() < deadline, "not ready: {}", exporter.log());
            sleep(Duration::from_millis(100)).await;
        }
        exporter
    }

    /// Returns `check` on the person's machine with this kubeconfig and these arguments.
    fn check(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(["check", "--config.file"])
            .arg(self.lab.mounted("laptop.yaml"))
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs `check` and returns its JSON.
    async fn report(&self, arguments: &[&str]) -> Value {
        let arguments = [&["--output=json"], arguments].concat();
        json_of(&self.check(&arguments).output().await.unwrap())
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.leases.abort();
    }
}

fn laptop_file(lab: &LabCluster) -> String {
    let limits = "timeouts: { resolve: 1s, connect: 1s, tls: 1s, response: 1s }";
    format!(
        "dns: {{ nameservers: ['{}'], hosts_file: /dev/null }}\n\
         checks: {{ apiserver: {{ {limits} }} }}\n\
         agent: {{ latest_version: v0.123.0 }}\n",
        lab.dns.addr()
    )
}

fn json_of(output: &Output) -> Value {
    let complaint = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {complaint}{}", text(output)))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns check and mode of each root cause, most urgent first.
fn roots(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let roots = document["root_causes"].as_array().unwrap();
    roots
        .iter()
        .map(|root| (text(&root["check"]), text(&root["mode"])))
        .collect()
}
