//! A healthy cluster sends no notification for hours, whatever restarts, and an exporter that is
//! not restarted needs no more memory after an accelerated day than at the beginning.

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
/// Interval of the checks of the exporter that is not restarted, the shortest that is accepted: it is
/// 15 s by default, so that 110 minutes have the attempts of a day.
const STEADY_INTERVAL: &str = "1s";
const MINUTES_OF_A_DAY: u64 = 110;
const ATTEMPTS_PER_DAY: f64 = 24.0 * 60.0 * 4.0;
/// Largest growth of the resident memory, as a factor.
const MAX_MEMORY_GROWTH: f64 = 1.05;
/// Fewest samples of the memory that show growth.
const MIN_MEMORY_SAMPLES: usize = 20;

#[tokio::test]
#[ignore = "it takes minutes; `make soak` runs it for two hours"]
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
    let steady = monitored
        .companion_with_intervals(Some(STEADY_INTERVAL))
        .await;
    let mut memory = Vec::new();
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
        memory.push(resident_mib(&steady.metrics().await));
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{restarts} restarts of the exporter, of the agent and of Prometheus in {seconds:.0} s"
    );
    let attempts = most_attempts(&steady.metrics().await);
    println!("a check of the exporter that was not restarted made {attempts:.0} attempts");
    if minutes >= MINUTES_OF_A_DAY {
        assert!(attempts >= ATTEMPTS_PER_DAY, "less than a day");
    }
    let notifications: Vec<String> = monitoring
        .all_notifications()
        .iter()
        .map(|one| alert_labels(&one.body))
        .collect();
    assert!(notifications.is_empty(), "{notifications:#?}");
    assert!(monitoring.watchdog_notified());
    if memory.len() >= MIN_MEMORY_SAMPLES {
        assert_memory_is_flat(&memory);
    }
}

/// Returns the resident memory that an exporter reports.
fn resident_mib(metrics: &str) -> f64 {
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    value.unwrap().parse::<f64>().unwrap() / f64::from(1 << 20)
}

/// Returns the number of attempts of the check that made the most.
fn most_attempts(metrics: &str) -> f64 {
    let attempts = metrics
        .lines()
        .filter(|line| line.starts_with("castai_health_check_attempts_total{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    attempts.fold(0.0, f64::max)
}

/// Compares the last quarter of the samples with the second one; in the first, caches fill.
fn assert_memory_is_flat(samples: &[f64]) {
    let quarter = samples.len() / 4;
    let largest = |samples: &[f64]| samples.iter().copied().fold(0.0, f64::max);
    let before = largest(&samples[quarter..2 * quarter]);
    let after = largest(&samples[samples.len() - quarter..]);
    println!("resident memory: {before:.1} MiB, at the end {after:.1} MiB");
    assert!(after <= before * MAX_MEMORY_GROWTH, "{samples:.1?}");
}
