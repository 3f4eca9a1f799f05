//! Reports of a running exporter that it should not make.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, Status};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::exporter::{Exporter, fetch};
use crate::failures::Failure;

const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The time after which nothing was wrong any more, and what was wrong last.
pub struct Settled {
    pub after: Duration,
    pub last: Vec<String>,
}

/// Waits until nothing is wrong.
///
/// # Errors
/// Problems that last after this time.
pub async fn settle(
    within: Duration,
    mut wrong: impl AsyncFnMut() -> Vec<String>,
) -> Result<Settled, Vec<String>> {
    let (began, mut last) = (Instant::now(), Vec::new());
    loop {
        let now = wrong().await;
        let after = began.elapsed();
        if now.is_empty() {
            return Ok(Settled { after, last });
        }
        if after > within {
            return Err(now);
        }
        last = now;
        sleep(POLL_INTERVAL).await;
    }
}

impl Exporter {
    /// Returns the root causes with their evidence, unless this is the only one.
    pub async fn roots_unless(&self, root: Failure) -> Vec<String> {
        let roots = self.root_causes().await;
        if roots.iter().eq([&root]) {
            return Vec::new();
        }
        let mut wrong = vec![format!("{} {} is not the only root", root.0, root.1)];
        for (check, mode) in roots {
            wrong.push(format!("{check} {mode}: {}", self.evidence(check).await));
        }
        wrong
    }

    /// Returns the checks that are neither `ok` nor `not_applicable`, with their evidence.
    pub async fn unhealthy(&self) -> Vec<String> {
        let healthy = [Status::Ok.label(), Status::NotApplicable.label()];
        let body = fetch(self.address(), "/api/v1/status").await.unwrap();
        let status: Value = serde_json::from_str(&body).unwrap();
        let checks = status["checks"].as_array().unwrap();
        checks
            .iter()
            .filter(|check| !healthy.contains(&check["status"].as_str().unwrap()))
            .map(|check| {
                let [id, status, evidence] =
                    ["id", "status", "evidence"].map(|key| check[key].as_str().unwrap_or_default());
                format!("{id} is {status}: {evidence}")
            })
            .collect()
    }

    /// Returns how many attempts of each check have tested the target.
    pub async fn attempts(&self) -> Vec<(CheckId, u64)> {
        let metrics = self.metrics().await;
        let counters = metrics.lines().filter_map(|line| {
            let (check, count) = line
                .strip_prefix("castai_health_check_attempts_total{check=\"")?
                .split_once("\"} ")?;
            Some((CheckId::from_label(check)?, count.parse().ok()?))
        });
        counters.collect()
    }
}
