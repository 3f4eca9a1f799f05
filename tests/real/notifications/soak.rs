//! A healthy cluster sends no notification for an hour, whatever restarts.

use std::env;
use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::time_scale::TimeScale;
use test_support::lab_cluster::LabCluster;
use tokio::time::{Instant, sleep};

use super::alert_labels;
use super::monitored_lab::MonitoredLab;
use crate::support::monitoring::{Monitoring, RUNBOOKS};

/// Duration of the soak in minutes, and speed-up over the committed rules.
const SOAK_MINUTES: &str = "SOAK_MINUTES";
const SOAK_SPEEDUP: u32 = 6;
/// Pause between two restarts.
const RESTART_INTERVAL: Duration = Duration::from_secs(20);

#[tokio::test]
#[ignore = "it takes minutes; `make soak` runs it for an hour"]
async fn healthy_soak_sends_no_notification() {
    let minutes = env::var_os(SOAK_MINUTES)
        .and_then(|minutes| minutes.to_str()?.parse().ok())
        .unwrap_or(2);
    let settings = GeneratorOptions {
        time_scale: TimeScale::faster(SOAK_SPEEDUP),
        runbook_base: RUNBOOKS,
    };
    let mut monitoring = Monitoring::start(&settings, Duration::from_secs(2)).await;
    let mut monitored = MonitoredLab::start(LabCluster::start()).await;
    monitoring.scrape("healthy", &[monitored.exporter.address()]);
    let began = Instant::now();
    let mut restarts = 0;
    while began.elapsed() < Duration::from_mins(minutes) {
        sleep(RESTART_INTERVAL).await;
        monitored.restart().await;
        monitoring.scrape("healthy", &[monitored.exporter.address()]);
        sleep(RESTART_INTERVAL).await;
        monitored.replace_agent_pod().await;
        sleep(RESTART_INTERVAL).await;
        monitoring.restart_prometheus().await;
        restarts += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{restarts} restarts of the exporter, of the agent and of Prometheus in {seconds:.0} s"
    );
    let notifications: Vec<String> = monitoring
        .all_notifications()
        .iter()
        .map(|one| alert_labels(&one.body))
        .collect();
    assert!(notifications.is_empty(), "{notifications:#?}");
    assert!(monitoring.watchdog_notified());
}
