//! Failures that a running exporter reports, compared with the catalogue's relations.

use std::collections::BTreeSet;
use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode, mute, relations};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::exporter::{Exporter, fetch};

const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A check and its failure mode.
pub type Failure = (CheckId, FailureMode);

impl Exporter {
    /// Returns the current failures from `/metrics`.
    pub async fn failures(&self) -> BTreeSet<Failure> {
        let metrics = self.metrics().await;
        let lines = metrics
            .lines()
            .filter_map(|line| line.strip_prefix("castai_health_failure{check=\""));
        let failure = |line: &str| {
            let (check, rest) = line.split_once("\",mode=\"")?;
            Some((
                CheckId::from_label(check)?,
                FailureMode::from_label(rest.split('"').next()?)?,
            ))
        };
        lines.map(|line| failure(line).unwrap()).collect()
    }

    /// Waits until only a root cause and its consequences are reported, and returns the time that
    /// took.
    pub async fn wait_for_root(&self, root: Failure, within: Duration) -> Duration {
        let start = Instant::now();
        loop {
            let failures = self.failures().await;
            if failures.contains(&root) && failures.iter().all(|failure| explains(root, *failure)) {
                println!(
                    "{} {} reported after {:.1} s",
                    root.0,
                    root.1,
                    start.elapsed().as_secs_f64()
                );
                return start.elapsed();
            }
            if start.elapsed() > within {
                let mut evidence = String::new();
                for (check, _) in &failures {
                    evidence = format!("{evidence}\n{check}: {}", self.evidence(*check).await);
                }
                panic!(
                    "{} {} not reported; failures: {failures:?}{evidence}\n{}",
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

/// Whether a failure is this root, follows from it, or is muted by it.
fn explains(root: Failure, (check, mode): Failure) -> bool {
    let muted = mute::MUTES.iter().any(|row| {
        (row.check, row.muted) == (root.0, check)
            && row.modes.contains(&root.1)
            && row.muted_modes.contains(&mode)
            && (!row.same_mode || mode == root.1)
    });
    relations::root(check, mode) == relations::root(root.0, root.1) || muted
}
