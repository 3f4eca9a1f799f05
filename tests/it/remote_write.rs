//! The keep-list for remote write in docs/monitoring.md.

use std::collections::BTreeSet;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::rules::group::Rule;
use castai_health_exporter::alerting::rules::{exporter, groups};
use castai_health_exporter::catalogue::metric::{METRICS, MetricKind, PREFIX};
use serde_json::Value;
use test_support::committed::committed_file;
use test_support::dashboards::dashboards;

/// Returns the metrics that a text names, without their prefix.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    text.split(|c: char| !word(c))
        .filter_map(|name| name.strip_prefix(PREFIX))
        .map(str::to_owned)
        .collect()
}

/// Returns the metrics that the rules and the fleet dashboard query.
fn needed() -> BTreeSet<String> {
    let options = GeneratorOptions::DEFAULT;
    let mut needed = BTreeSet::new();
    for group in groups(&options)
        .into_iter()
        .chain([exporter::optional(&options)])
    {
        for rule in group.rules {
            match rule {
                Rule::Record { expr, .. } => needed.extend(metrics_in(&expr)),
                Rule::Alert(alert) => {
                    needed.extend(metrics_in(&alert.expr));
                    // Templates query Prometheus too.
                    let texts = alert.annotations.iter();
                    needed.extend(texts.flat_map(|(_, text)| metrics_in(text)));
                }
            }
        }
    }
    let fleet = dashboards()
        .into_iter()
        .filter(|(path, _)| path.contains("fleet"));
    needed.extend(fleet.flat_map(|(_, dashboard)| metrics_in(&dashboard.to_string())));
    needed
}

/// Returns the YAML block of the documentation that configures remote write.
fn documented() -> Value {
    let page = committed_file("docs/monitoring.md");
    let (_, from) = page.split_once("```yaml\nremote_write:").unwrap();
    let (block, _) = from.split_once("```").unwrap();
    serde_saphyr::from_str(&format!("remote_write:{block}")).unwrap()
}

#[test]
fn documented_keep_list_has_exactly_what_rules_and_fleet_dashboard_need() {
    let documented = documented();
    let relabelling = &documented["remote_write"][0]["write_relabel_configs"][0];
    assert_eq!(relabelling["action"], "keep");
    assert_eq!(
        relabelling["source_labels"],
        serde_json::json!(["__name__"])
    );
    let regex = relabelling["regex"].as_str().unwrap();
    let listed: BTreeSet<String> = regex
        .strip_prefix(&format!("{PREFIX}("))
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or_else(|| panic!("{regex}"))
        .split('|')
        .map(|name| name.trim().to_owned())
        .collect();
    assert_eq!(listed, needed());
}

#[test]
fn needed_metrics_are_published_and_small() {
    for name in needed() {
        let metric = METRICS.iter().find(|metric| metric.name == name);
        let metric = metric.unwrap_or_else(|| panic!("{name} is not published"));
        assert_ne!(metric.kind, MetricKind::Histogram, "{name}");
    }
}
