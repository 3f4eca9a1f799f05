//! A healthy cluster sends no notification for an hour, whatever restarts.

use std::env;
use std::time::Duration;

use castai_health_exporter::alerting::settings::Settings;
use castai_health_exporter::alerting::time_scale::TimeScale;
use test_support::lab_cluster::LabCluster;
use tokio::time::{Instant, sleep};

use super::monitored_lab::MonitoredLab;
use super::short;
use crate::support::monitoring::{Monitoring, RUNBOOKS};

/// Duration of the soak in minutes, and speed-up over the committed rules.
const SOAK_MINUTES: &str = "SOAK_MINUTES";
const SOAK_PACE: u32 = 6;
/// Pause between two restarts.
const RESTS: Duration = Duration::from_secs(20);

#[tokio::test]
#[ignore = "it takes minutes; `make soak` runs it for an hour"]
async fn nobody_is_told_anything_while_all_is_well_whatever_restarts() {
    let minutes = env::var_os(SOAK_MINUTES)
        .and_then(|minutes| minutes.to_str()?.parse().ok())
        .unwrap_or(2);
    let settings = Settings {
        time_scale: TimeScale::faster(SOAK_PACE),
        runbook_base: RUNBOOKS,
    };
    let mut monitoring = Monitoring::start(&settings, Duration::from_secs(2)).await;
    let mut beside = MonitoredLab::start(LabCluster::start()).await;
    monitoring.scrape("healthy", &[beside.exporter.address()]);
    let began = Instant::now();
    let mut restarts = 0;
    while began.elapsed() < Duration::from_mins(minutes) {
        sleep(RESTS).await;
        beside.restart().await;
        monitoring.scrape("healthy", &[beside.exporter.address()]);
        sleep(RESTS).await;
        beside.replace_the_agent().await;
        sleep(RESTS).await;
        monitoring.restart_prometheus().await;
        restarts += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{restarts} restarts of the exporter, of the agent and of Prometheus in {seconds:.0} s"
    );
    let told: Vec<String> = monitoring
        .everything()
        .iter()
        .map(|one| short(&one.body))
        .collect();
    assert!(told.is_empty(), "{told:#?}");
    assert!(monitoring.watchdog_was_heard());
}
