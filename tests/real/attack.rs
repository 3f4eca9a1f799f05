//! Attacks the exporter with hostile peers, objects, logs and clients, and prints what that costs:
//! `make attack`.
//!
//! Each attack runs in a new lab. The checks that it does not break must keep their
//! rhythm, health must respond, memory must stay flat, and no output may show a secret.

mod attacks;
mod clients;
mod exporter;
pub(crate) mod figures;
pub(crate) mod measurement;

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use test_support::exporter::program;
use test_support::lab_cluster::LabCluster;
use tokio::time::{Instant, sleep};

use self::attacks::{ATTACKS, Attack};
use self::figures::{AttackedExporter, Figures, Sample};
use self::measurement::{HEALTH_INTERVAL, Measurement};

/// Interval of every check.
const INTERVAL: Duration = Duration::from_secs(2);
/// Duration of an attack, unless `ATTACK_SECONDS` says otherwise.
const DEFAULT_SECONDS: u64 = 40;
/// Time until every check has a verdict.
const START_TIMEOUT: Duration = Duration::from_mins(2);
/// Checks without an interval in the lab's file.
const OTHER_CHECKS: &[&str] = &[
    "agent_workload",
    "agent_upgrade",
    "cluster_controller",
    "components",
    "image_pull",
    "node_lifecycle",
    "clock",
    "cluster_status",
    "agent_health",
    "agent_log",
    "cluster_metadata",
    "agent_permissions",
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes half an hour and needs an idle machine: `make attack`"]
async fn attacks_stop_no_other_check_and_show_no_secret() {
    let seconds = variable("ATTACK_SECONDS").parse();
    let duration = Duration::from_secs(seconds.unwrap_or(DEFAULT_SECONDS));
    let only = variable("ATTACKS");
    let build = env::var_os("EXPORTER_TEST_BINARY").map_or_else(program, PathBuf::from);
    println!("{}", Figures::HEADING);
    let (first, others) = ATTACKS.split_first().expect("there are attacks");
    let usual = run(first, None, &build, duration).await;
    println!("{usual}");
    let mut broken = usual.problems();
    let is_selected = |attack: &&Attack| only.split(',').any(|word| attack.name.contains(word));
    for attack in others.iter().filter(is_selected) {
        let figures = run(attack, Some(&usual), &build, duration).await;
        println!("{figures}");
        broken.extend(figures.problems());
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Returns an environment variable, or an empty text.
pub(crate) fn variable(name: &str) -> String {
    env::var_os(name)
        .and_then(|value| value.into_string().ok())
        .unwrap_or_default()
}

async fn run(
    attack: &Attack,
    usual: Option<&Figures>,
    build: &Path,
    duration: Duration,
) -> Figures {
    let mut world = LabCluster::behind_a_proxy();
    world.file = with_intervals(&world.file);
    (attack.prepare)(&mut world);
    attack.setup.prepare(&mut world).await;
    world.config();
    let exporter = attack.setup.start(build, &world).await;
    let renewal = tokio::spawn(lab::apiserver::workload::renew_leases(
        world.api.objects().clone(),
    ));
    let began = Instant::now();
    while exporter.fetch("/-/ready").await.unwrap().trim() != "ready" {
        let waited = began.elapsed();
        let log = exporter.log();
        assert!(waited < START_TIMEOUT, "{}: {log}", attack.name);
        sleep(HEALTH_INTERVAL).await;
    }
    let healthy = Sample::take(&exporter).await;
    let clients = (attack.begin)(&world, exporter.address().to_owned()).await;
    let measurement = Measurement {
        attack: attack.name,
        usual,
        interval: INTERVAL,
        duration,
    };
    let figures = measurement.run(&exporter, &healthy).await;
    drop(clients);
    renewal.abort();
    figures
}

/// Returns the lab's configuration with a short interval for every check.
fn with_intervals(file: &str) -> String {
    let interval = format!("interval: {}s", INTERVAL.as_secs());
    let file = file.replace(": { timeouts:", &format!(": {{ {interval}, timeouts:"));
    let others = OTHER_CHECKS
        .iter()
        .map(|check| format!("  {check}: {{ {interval} }}\n"));
    let others = others.collect::<Vec<_>>().concat();
    file.replacen("checks:\n", &format!("checks:\n{others}"), 1)
}
