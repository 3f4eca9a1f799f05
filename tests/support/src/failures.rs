//! Failures and root causes that a running exporter reports.

use std::collections::BTreeSet;
use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::exporter::{Exporter, fetch};

const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A check and its failure mode.
pub type Failure = (CheckId, FailureMode);

impl Exporter {
    /// Returns the current failures from `/metrics`.
    pub async fn failures(&self) -> BTreeSet<Failure> {
        failures(&self.metrics().await, "")
    }

    /// Returns the current root causes from `/metrics`.
    pub async fn root_causes(&self) -> BTreeSet<Failure> {
        failures(&self.metrics().await, "caused_by=\"\"")
    }

    /// Waits until only a root cause and its consequences are reported, and returns the time that
    /// took.
    pub async fn wait_for_root(&self, root: Failure, within: Duration) -> Duration {
        let start = Instant::now();
        loop {
            let roots = self.root_causes().await;
            if roots.iter().eq([&root]) {
                println!(
                    "{} {} reported after {:.1} s",
                    root.0,
                    root.1,
                    start.elapsed().as_secs_f64()
                );
                return start.elapsed();
            }
            if start.elapsed() > within {
                let failures = self.failures().await;
                let mut evidence = String::new();
                for (check, _) in &failures {
                    evidence = format!("{evidence}\n{check}: {}", self.evidence(*check).await);
                }
                panic!(
                    "{} {} not reported as the only root; roots: {roots:?}; failures: {failures:?}{evidence}\n{}",
                    root.0,
                    root.1,
                    self.log()
                );
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Returns the evidence of a check.
    pub async fn evidence(&self, check: CheckId) -> String {
        let body = fetch(self.address(), "/api/v1/status").await.unwrap();
        let status: Value = serde_json::from_str(&body).unwrap();
        let checks = status["checks"].as_array().unwrap();
        let row = checks
            .iter()
            .find(|row| row["id"] == check.label())
            .unwrap();
        row["evidence"].as_str().unwrap().to_owned()
    }
}

/// Returns the failures in an exposition whose series contains a label.
fn failures(metrics: &str, label: &str) -> BTreeSet<Failure> {
    let lines = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("castai_health_failure{"))
        .filter(|line| line.contains(label));
    let failure = |line: &str| {
        let value = |label: &str| {
            let (_, rest) = line.split_once(&format!("{label}=\""))?;
            rest.split('"').next()
        };
        Some((
            CheckId::from_label(value("check")?)?,
            FailureMode::from_label(value("mode")?)?,
        ))
    };
    lines.map(|line| failure(line).unwrap()).collect()
}
