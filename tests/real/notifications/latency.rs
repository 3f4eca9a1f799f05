//! The time from a fault to its alert, with the committed rules and the default intervals.

use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::catalogue::alert;
use futures_util::future::join_all;
use serde_json::Value;
use test_support::scenarios::{heal, inject_fault, lab_cluster_for, scenario};
use tokio::time::{Instant, sleep};

use super::alert_labels;
use super::monitored_lab::MonitoredLab;
use crate::support::monitoring::Monitoring;

/// The default scrape interval of the chart's `PodMonitor`.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(15);
/// Alerts that take longer count as missing.
const FIRING_TIMEOUT: Duration = Duration::from_mins(12);
/// A fault that heals by itself within this time notifies no one.
const HEALS_ITSELF: Duration = Duration::from_mins(2);
/// Time in which a notification about a healed fault would arrive.
const SETTLE: Duration = Duration::from_mins(3);

/// Faults that stop the agent.
const STOPPING: &[&str] = &[
    "apiserver_hangs_in_tls_handshake",
    "apiserver_refuses_connections",
    "apiserver_rbac_forbids",
    "castai_api_key_is_revoked",
    "castai_drops_syn",
    "castai_hangs_in_tls_handshake",
    "dns_resolver_times_out",
];
/// Faults that degrade something.
const DEGRADING: &[&str] = &["ec2_denied_without_identity_policy"];

/// Seconds from the fault to the alert, or what was seen instead.
type Measured = (&'static str, Result<f64, String>);

#[tokio::test]
#[ignore = "it takes a quarter of an hour in real time; `make test-latency` runs it"]
async fn alerts_fire_soon_and_not_for_what_heals_by_itself() {
    let monitoring = Monitoring::start(&GeneratorOptions::DEFAULT, SCRAPE_INTERVAL).await;
    let (firing, healed) = tokio::join!(
        join_all(
            STOPPING
                .iter()
                .chain(DEGRADING)
                .enumerate()
                .map(|(i, name)| time_to_firing(&monitoring, name, i)),
        ),
        join_all(STOPPING.iter().enumerate().map(|(i, name)| heals_by_itself(
            &monitoring,
            name,
            i
        )),),
    );
    println!("{:<45} {:>8}", "fault", "seconds");
    for (name, seconds) in &firing {
        match seconds {
            Ok(seconds) => println!("{name:<45} {seconds:>8.0}"),
            Err(seen) => println!("{name:<45} {seen}"),
        }
    }
    for (name, notified) in &healed {
        println!("{name:<45} heals after 120 s: {notified:?}");
    }
    // The figures are read, not asserted: they depend on when an attempt and a scrape happen.
    assert!(firing.iter().all(|(_, seconds)| seconds.is_ok()));
}

/// Starts a healthy lab cluster under monitoring, at another moment for each `i`.
async fn monitored(monitoring: &Monitoring, cluster: &str, name: &str, i: usize) -> MonitoredLab {
    let monitored = MonitoredLab::with_intervals(lab_cluster_for(scenario(name).fault), None).await;
    monitoring.scrape(cluster, &[monitored.exporter.address()]);
    // Faults do not wait for a scrape or for a round of checks.
    sleep(Duration::from_millis(20_000 + 3_700 * i as u64)).await;
    monitored
}

/// Injects a fault and returns how long its alert takes to fire.
async fn time_to_firing(monitoring: &Monitoring, name: &'static str, i: usize) -> Measured {
    let cluster = format!("fires-{name}").replace('_', "-");
    let mut monitored = monitored(monitoring, &cluster, name, i).await;
    let scenario = scenario(name);
    inject_fault(&mut monitored.world, scenario.fault).await;
    let began = Instant::now();
    let alert = alert::covering(scenario.check, scenario.mode)
        .expect("a mode has no alert")
        .name;
    while began.elapsed() < FIRING_TIMEOUT {
        let fires = |one: &Value| {
            let labels = &one["labels"];
            one["state"] == "firing" && labels["alertname"] == alert && labels["cluster"] == cluster
        };
        if monitoring.alerts().await.iter().any(fires) {
            return (name, Ok(began.elapsed().as_secs_f64()));
        }
        sleep(Duration::from_secs(1)).await;
    }
    let failures = monitored.exporter.failures().await;
    (name, Err(format!("{alert} does not fire: {failures:?}")))
}

/// Injects a fault, heals it after two minutes, and returns the notifications.
async fn heals_by_itself(
    monitoring: &Monitoring,
    name: &'static str,
    i: usize,
) -> (&'static str, Vec<String>) {
    let cluster = format!("heals-{name}").replace('_', "-");
    let mut monitored = monitored(monitoring, &cluster, name, i).await;
    let healthy = (monitored.world.env.clone(), monitored.world.file.clone());
    inject_fault(&mut monitored.world, scenario(name).fault).await;
    sleep(HEALS_ITSELF).await;
    heal(&mut monitored.world, healthy).await;
    sleep(SETTLE).await;
    let notifications = monitoring.notifications(&cluster);
    let labels = notifications.iter().map(|one| alert_labels(&one.body));
    (name, labels.collect())
}
