//! Tests of every dashboard query on a real Prometheus.

use std::time::Duration;

use test_support::dashboards::{dashboards, expressions, panels};

use crate::support::monitoring::Monitoring;

/// Panels that may be empty because the lab has no such data.
const MAY_BE_EMPTY: &[&str] = &[
    "AWS credentials expiry",
    "Identity",
    "Next certificate expiry",
];

/// Returns the panels whose queries fail or return nothing. The exporters have run for the duration
/// `fed`.
pub(crate) async fn without_data(monitoring: &Monitoring, fed: Duration) -> Vec<String> {
    let mut empty = Vec::new();
    for (path, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            let title = panel["title"].as_str().unwrap();
            for expr in expressions(panel) {
                let asked = expr
                    .replace("$__rate_interval", "30s")
                    .replace("$cluster", ".*")
                    .replace("$namespace", ".+")
                    .replace("$job", ".+")
                    .replace("$severity", ".+")
                    // The sped-up rules have other window names.
                    .replace("window=\"5m\"", "window=\"10s\"")
                    .replace("window=\"30m\"", "window=\"1m\"");
                match monitoring.query(&asked, fed.as_secs().div_ceil(60)).await {
                    Err(error) => empty.push(format!("{path}: {title}: {error}: {asked}")),
                    Ok(series) if series.is_empty() && !MAY_BE_EMPTY.contains(&title) => {
                        empty.push(format!("{path}: {title}: nothing for {asked}"));
                    }
                    Ok(_) => {}
                }
            }
        }
    }
    empty
}
