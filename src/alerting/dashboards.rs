//! Grafana dashboards: one cluster in detail and an overview of all clusters.
//!
//! Panels with metrics that are not published yet are left out.

mod agent_health;
mod fleet;
mod layout;
mod panel;
mod root_causes;
mod status;

use serde_json::Value;

use crate::alerting::file::{DASHBOARDS, GeneratedFile};
use crate::alerting::generator_options::GeneratorOptions;

/// Returns both dashboards.
pub fn files(settings: &GeneratorOptions<'_>) -> [GeneratedFile; 2] {
    let file = |name: &str, dashboard: &Value| GeneratedFile {
        path: format!("{DASHBOARDS}/{name}.json"),
        contents: format!("{dashboard:#}\n"),
    };
    [
        file("agent-health", &agent_health::dashboard(settings)),
        file("fleet", &fleet::dashboard(settings)),
    ]
}
