//! Parsed dashboards.

use castai_health_exporter::alerting::dashboards::files;
use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use serde_json::Value;

/// Returns the path and JSON of each dashboard.
pub fn dashboards() -> Vec<(String, Value)> {
    files(&GeneratorOptions::DEFAULT)
        .into_iter()
        .map(|file| (file.path, serde_json::from_str(&file.contents).unwrap()))
        .collect()
}

/// Returns every panel, including those in collapsed rows.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = dashboard["panels"].as_array().unwrap();
    top.iter()
        .flat_map(|panel| {
            [panel]
                .into_iter()
                .chain(panel["panels"].as_array().into_iter().flatten())
        })
        .collect()
}

/// Returns the queries of a panel.
pub fn expressions(panel: &Value) -> Vec<String> {
    let targets = panel["targets"].as_array().into_iter().flatten();
    targets
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect()
}
