//! Every query of the dashboards, answered by a real Prometheus.

use std::time::Duration;

use test_support::dashboards::{dashboards, expressions, panels};

use crate::support::monitoring::Monitoring;

/// Panels whose answer may well be nothing: nothing of the kind is in the world that is asked.
const MAY_BE_EMPTY: &[&str] = &["Credentials end in", "Identity", "First certificate to end"];

/// The panels whose queries a Prometheus that was fed by exporters so long refuses or answers with nothing.
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
                    // The windows of the shortened rules have other names.
                    .replace("window=\"1h\"", "window=\"2m\"")
                    .replace("window=\"6h\"", "window=\"12m\"")
                    .replace("window=\"3d\"", "window=\"144m\"");
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
