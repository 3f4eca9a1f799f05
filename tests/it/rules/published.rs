//! Rules, their tests and dashboards use only metrics, labels and label values that are published.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::rules::group::{AlertRule, Rule};
use castai_health_exporter::alerting::rules::groups;
use castai_health_exporter::catalogue::metric::{METRICS, MetricKind};

use super::{all_groups, promtool_tests};

/// Labels that Prometheus or a rule adds.
const ADDED: &[&str] = &[
    "cluster",
    "namespace",
    "job",
    "instance",
    "vantage",
    "severity",
    "window",
    "alertname",
    "alertstate",
    "long",
    "short",
    "le",
];

/// Names of all metrics and recorded series.
static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut names: BTreeSet<String> = METRICS.iter().map(|metric| metric.full_name()).collect();
    for metric in METRICS
        .iter()
        .filter(|metric| metric.kind == MetricKind::Histogram)
    {
        names.extend(["_bucket", "_sum", "_count"].map(|end| metric.full_name() + end));
    }
    let groups = groups(&GeneratorOptions::DEFAULT);
    let rules = groups.into_iter().flat_map(|group| group.rules);
    names.extend(rules.filter_map(|rule| match rule {
        Rule::Record { name, .. } => Some(name),
        Rule::Alert(_) => None,
    }));
    names
});

/// Asserts that every metric, label and label value in an expression is published.
pub(crate) fn assert_published(text: &str) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    for name in text
        .split(|c: char| !word(c))
        .filter(|name| name.contains("castai_health_"))
    {
        assert!(NAMES.contains(name), "{name} is not published: {text}");
    }
    let labels: BTreeSet<&str> = METRICS
        .iter()
        .flat_map(|metric| metric.labels)
        .map(|label| label.name)
        .chain(ADDED.iter().copied())
        .collect();
    let selectors = text
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'));
    let matchers = selectors.flat_map(|(inside, _)| inside.split("\","));
    for matcher in matchers.filter(|matcher| matcher.contains('"')) {
        let (label, value) = matcher
            .split_once(['=', '!'])
            .expect("a matcher has an operator");
        let label = label.trim();
        assert!(
            labels.contains(label),
            "{label} is not a published label: {text}"
        );
        let value = value.trim_start_matches(['=', '~']).trim_matches('"');
        for value in value
            .split('|')
            .filter(|value| !value.is_empty() && !value.contains('$'))
        {
            assert!(
                is_published(label, value),
                "{label} is never {value}: {text}"
            );
        }
    }
}

/// Returns whether a label may have a value; metrics may share a label name with different values.
fn is_published(label: &str, value: &str) -> bool {
    let closed: Vec<&str> = METRICS
        .iter()
        .flat_map(|metric| metric.labels)
        .filter(|one| one.name == label)
        .filter_map(|label| label.values.closed())
        .flatten()
        .collect();
    let matches = |one: &&str| match value.split_once('.') {
        Some((prefix, _)) => one.starts_with(prefix),
        None => *one == value,
    };
    closed.is_empty() || closed.iter().any(matches)
}

#[test]
fn rules_and_promtool_tests_use_only_published_metrics() {
    for group in all_groups(&GeneratorOptions::DEFAULT) {
        for rule in &group.rules {
            let (Rule::Record { expr, .. } | Rule::Alert(AlertRule { expr, .. })) = rule;
            assert_published(expr);
        }
    }
    for test in promtool_tests() {
        for series in test["input_series"].as_array().unwrap() {
            assert_published(series["series"].as_str().unwrap());
        }
    }
}

#[test]
#[should_panic(expected = "is not published")]
fn misspelt_metric_is_detected() {
    assert_published("castai_health_failures{check=\"dns\"} == 1");
}

#[test]
#[should_panic(expected = "is never")]
fn unknown_label_value_is_detected() {
    assert_published("castai_health_failure{check=\"dns\",mode=\"nxdomain\"} == 1");
}

#[test]
#[should_panic(expected = "is never")]
fn pattern_that_matches_no_label_value_is_detected() {
    assert_published("castai_health_failure{mode=~\"net_dns_timeout|dns_.+\"} == 1");
}
