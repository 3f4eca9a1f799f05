//! The doctor on a person's machine, and its report compared with that of an exporter.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use test_support::exporter::{fetch, program};
use test_support::failures::Failure;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// Much more than it takes until both name a fault, on a busy machine.
const GIVE_UP: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Returns `check` as a person runs it with this kubeconfig.
pub(crate) fn check(kubeconfig: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .arg("check")
        .args(arguments)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs `check` and returns its JSON.
pub(crate) async fn report(kubeconfig: &Path, arguments: &[&str]) -> Value {
    let arguments = [&["--output=json"], arguments].concat();
    let output = check(kubeconfig, &arguments).output().await.unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", complaint(&output)))
}

/// Sends Ctrl-C to a running `check`, and asserts that it says so and exits as documented.
pub(crate) async fn interrupt(child: Child) {
    let pid = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().await;
    assert!(sent.unwrap().success());
    let output = child.wait_with_output().await.unwrap();
    let complaint = complaint(&output);
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("interrupted"), "{complaint}");
}

/// Returns the error output.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The root causes that an exporter and the doctor name while a fault lasts.
pub(crate) struct Comparison {
    scenario: String,
    expected: String,
    exporter: Vec<String>,
    doctor: Vec<String>,
    /// The vantages at which the doctor has seen the first root.
    seen_by: String,
    /// The exporter's words on the checks that fail.
    evidence: Vec<String>,
    duration: Duration,
}

impl Comparison {
    /// Waits until the exporter at this address and the doctor name only this root cause. `live`
    /// runs in between.
    pub(crate) async fn of(
        scenario: &str,
        root: Failure,
        exporter: &str,
        doctor: (&Path, &[&str]),
        mut live: impl AsyncFnMut(),
    ) -> Self {
        let began = Instant::now();
        let mut compared = Self {
            scenario: scenario.to_owned(),
            expected: format!("{} {}", root.0, root.1),
            exporter: Vec::new(),
            doctor: Vec::new(),
            seen_by: String::new(),
            evidence: Vec::new(),
            duration: Duration::ZERO,
        };
        let (kubeconfig, arguments) = doctor;
        while !compared.agree() && began.elapsed() < GIVE_UP {
            sleep(POLL_INTERVAL).await;
            live().await;
            let status = fetch(exporter, "/api/v1/status").await.unwrap();
            let status = serde_json::from_str(&status).unwrap();
            compared.exporter = roots(&status);
            compared.evidence = evidence(&status);
            // Without a fault that both can see, there is nothing to compare yet.
            if compared.exporter == [compared.expected.as_str()] {
                let document = report(kubeconfig, arguments).await;
                compared.doctor = roots(&document);
                compared.seen_by = seen_by(&document);
            }
        }
        compared.duration = began.elapsed();
        println!("{compared}");
        compared
    }

    fn agree(&self) -> bool {
        self.exporter == [self.expected.as_str()] && self.doctor == self.exporter
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [exporter, doctor] = [&self.exporter, &self.doctor].map(|roots| roots.join(", "));
        let (scenario, seen_by) = (&self.scenario, &self.seen_by);
        let seconds = self.duration.as_secs_f64();
        write!(
            f,
            "{scenario} | {exporter} | {doctor} | {seen_by} | {seconds:.1}"
        )
    }
}

/// Prints a table of the comparisons, asserts that both always agree, and returns the number of
/// different root causes.
pub(crate) fn print_and_assert(compared: &[Comparison]) -> usize {
    let rows: Vec<String> = compared.iter().map(ToString::to_string).collect();
    let table = format!(
        "scenario | exporter | doctor | seen by | seconds\n{}",
        rows.join("\n")
    );
    println!("{table}");
    let differ = compared.iter().filter(|row| !row.agree());
    let differ: Vec<_> = differ
        .map(|row| (&row.scenario, &row.expected, &row.evidence))
        .collect();
    assert!(differ.is_empty(), "they do not agree: {differ:#?}");
    let roots: BTreeSet<&String> = compared.iter().map(|row| &row.expected).collect();
    roots.len()
}

/// Returns check and mode of each root cause, the most urgent first.
fn roots(document: &Value) -> Vec<String> {
    let roots = document["root_causes"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    roots
        .iter()
        .map(|root| format!("{} {}", text(&root["check"]), text(&root["mode"])))
        .collect()
}

/// Returns what a document says of each check that fails.
fn evidence(document: &Value) -> Vec<String> {
    let checks = document["checks"].as_array().unwrap();
    checks
        .iter()
        .filter(|check| check["status"] == "failing")
        .map(|check| format!("{}: {}", check["id"], check["evidence"]))
        .collect()
}

fn seen_by(document: &Value) -> String {
    let places = document["root_causes"][0]["seen_by"].as_array();
    let places = places.into_iter().flatten();
    let places: Vec<&str> = places
        .filter_map(|sighting| sighting["place"].as_str())
        .collect();
    places.join(", ")
}
