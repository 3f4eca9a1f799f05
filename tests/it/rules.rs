//! Invariants of the alert rules and of their promtool tests.

mod annotations;
mod published;

use std::collections::BTreeSet;
use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::rules::group::{AlertRule, FAILURES_INTERVAL, Group, Rule};
use castai_health_exporter::alerting::rules::selector::Selector;
use castai_health_exporter::alerting::rules::{exporter, groups};
use castai_health_exporter::catalogue::alert::{ALERTS, covering, modes_of};
use castai_health_exporter::catalogue::{Alert, CheckId, ExporterAlert, FailureMode};
pub(crate) use published::assert_published;
use test_support::committed::{committed, committed_file};

/// `kubectl apply` stores a copy of the object in an annotation, which is limited to 256 KiB.
const MAX_OBJECT_BYTES: usize = 200 * 1024;

/// Returns every group, including the optional one.
fn all_groups(settings: &GeneratorOptions<'_>) -> Vec<Group> {
    let mut all = groups(settings);
    all.push(exporter::optional(settings));
    all
}

/// Returns every alerting rule.
fn alert_rules(settings: &GeneratorOptions<'_>) -> Vec<AlertRule> {
    all_groups(settings)
        .iter()
        .flat_map(Group::alerts)
        .cloned()
        .collect()
}

/// Returns the rules of the failure alerts.
fn failure_rules(settings: &GeneratorOptions<'_>) -> Vec<(&'static Alert, AlertRule)> {
    let rules = alert_rules(settings);
    let rule = |alert: &'static Alert| {
        let of_alert: Vec<_> = rules
            .iter()
            .filter(|rule| rule.name == alert.name)
            .collect();
        assert_eq!(of_alert.len(), 1, "{}", alert.name);
        (alert, of_alert[0].clone())
    };
    ALERTS.iter().map(rule).collect()
}

fn pairs() -> impl Iterator<Item = (CheckId, FailureMode)> {
    CheckId::ALL
        .iter()
        .flat_map(|check| modes_of(*check).map(|mode| (*check, mode)))
}

/// Returns whether label matchers as the rules write them select a failure.
fn selects(matchers: &str, check: CheckId, mode: FailureMode) -> bool {
    let accepts = |label: &str, value: &str| {
        let Some((_, from)) = matchers.split_once(&format!("{label}=")) else {
            return true;
        };
        let pattern = from.trim_start_matches('~').trim_start_matches('"');
        let (pattern, _) = pattern.split_once('"').expect("the value is quoted");
        pattern.split('|').any(|one| match one.strip_suffix(".+") {
            Some(prefix) => value.len() > prefix.len() && value.starts_with(prefix),
            None => one == value,
        })
    };
    accepts("check", check.label()) && accepts("mode", mode.label())
}

#[test]
fn every_failure_is_selected_by_exactly_one_alert() {
    let rules = failure_rules(&GeneratorOptions::DEFAULT);
    let matchers = |rule: &AlertRule| {
        let (_, from) = rule
            .expr
            .split_once("castai_health_failure{")
            .expect("it selects failures");
        let (matchers, _) = from.split_once('}').expect("the selector ends");
        assert!(matchers.contains("caused_by=\"\""), "{}", rule.name);
        matchers.to_owned()
    };
    let matchers: Vec<String> = rules.iter().map(|(_, rule)| matchers(rule)).collect();
    for (check, mode) in pairs() {
        let selecting: Vec<&str> = rules
            .iter()
            .zip(&matchers)
            .filter(|(_, matchers)| selects(matchers, check, mode))
            .map(|((alert, _), _)| alert.name)
            .collect();
        let alert = covering(check, mode).map(|alert| alert.name);
        assert_eq!(
            selecting,
            alert.into_iter().collect::<Vec<_>>(),
            "{check} {mode}"
        );
    }
}

#[test]
fn selectors_do_not_overlap() {
    let selectors: Vec<_> = ALERTS
        .iter()
        .map(|alert| (alert.name, Selector::new(alert)))
        .collect();
    for (check, mode) in pairs() {
        let covers = |selector: &Selector| {
            selector.checks.contains(&check) && selector.modes.contains(&mode)
        };
        let covering: Vec<&str> = selectors
            .iter()
            .filter(|(_, selector)| covers(selector))
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(covering.len(), 1, "{check} {mode}: {covering:?}");
    }
}

#[test]
fn alert_that_stops_the_agent_fires_within_two_minutes() {
    for (alert, rule) in failure_rules(&GeneratorOptions::DEFAULT) {
        let longest = match alert.check {
            // The cloud's API is asked every ten minutes.
            CheckId::ControlPlaneAccess => 20,
            _ if alert.can_stop_agent() => 2,
            _ => 10,
        };
        assert_eq!(rule.for_duration, alert.for_duration());
        assert!(
            rule.for_duration <= Duration::from_mins(longest),
            "{}",
            alert.name
        );
        for check in Selector::new(alert).checks {
            assert!(
                rule.for_duration >= 2 * check.entry().interval,
                "{} {check}",
                alert.name
            );
        }
        assert!(rule.for_duration >= 2 * FAILURES_INTERVAL, "{}", alert.name);
    }
}

#[test]
fn alerts_survive_a_restart_of_the_exporter() {
    let rules = alert_rules(&GeneratorOptions::DEFAULT);
    // The one is about a moment, the other always fires.
    let exceptions =
        [ExporterAlert::CheckPanicked, ExporterAlert::Watchdog].map(|alert| alert.entry().name);
    for rule in rules.iter().filter(|rule| !exceptions.contains(&rule.name)) {
        assert!(
            rule.keep_firing_for >= Duration::from_mins(5),
            "{}",
            rule.name
        );
    }
}

#[test]
fn only_the_slo_group_records_series() {
    for group in all_groups(&GeneratorOptions::DEFAULT) {
        let records = group
            .rules
            .iter()
            .any(|rule| matches!(rule, Rule::Record { .. }));
        assert_eq!(records, group.name == "slo", "{}", group.name);
    }
}

#[test]
fn rules_select_by_metric_and_never_by_job_or_instance() {
    for group in all_groups(&GeneratorOptions::DEFAULT) {
        for rule in &group.rules {
            let (Rule::Record { expr, .. } | Rule::Alert(AlertRule { expr, .. })) = rule;
            for label in ["job", "instance", "pod", "container", "service"] {
                let selects = ["=", "!="]
                    .iter()
                    .any(|operator| expr.contains(&format!("{label}{operator}")));
                assert!(!selects, "a release may have any name: {expr}");
            }
            let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            assert!(!words.into_iter().any(|word| word == "up"), "{expr}");
        }
    }
}

#[test]
fn failure_rules_compute_nothing_from_numbers() {
    for (alert, rule) in failure_rules(&GeneratorOptions::DEFAULT) {
        // Label values are between quotes.
        let code: String = rule.expr.split('"').step_by(2).collect();
        assert!(
            !code.contains(['*', '/', '+', '-', '<', '>', '%', '^']),
            "{}: {code}",
            alert.name
        );
        let numbers: BTreeSet<&str> = code
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        assert!(
            numbers.is_subset(&BTreeSet::from(["1", "10m"])),
            "{}: {numbers:?}",
            alert.name
        );
    }
}

#[test]
fn rules_aggregate_by_cluster_and_never_by_pod() {
    for group in groups(&GeneratorOptions::DEFAULT) {
        for rule in &group.rules {
            let (Rule::Record { expr, .. } | Rule::Alert(AlertRule { expr, .. })) = rule;
            for clause in expr.split(" by (").skip(1) {
                assert!(clause.starts_with("cluster, namespace"), "{expr}");
            }
            assert!(
                !expr.contains(", pod"),
                "a pod label restarts `for` when the pod is replaced: {expr}"
            );
            assert!(
                !expr.contains("topk") && !expr.contains("absent("),
                "{expr}"
            );
        }
    }
}

#[test]
fn rules_are_short_enough_to_be_read() {
    let files = committed("alerts/rules");
    let lines: usize = files.iter().map(|file| file.contents.lines().count()).sum();
    assert!(lines < 1500, "{lines} lines");
    let of_groups: BTreeSet<String> = groups(&GeneratorOptions::DEFAULT)
        .into_iter()
        .map(|group| format!("alerts/rules/{}.yaml", group.name))
        .collect();
    let present: BTreeSet<String> = files.into_iter().map(|file| file.path).collect();
    assert_eq!(present, of_groups);
}

#[test]
fn promtool_tests_fire_and_silence_every_alert() {
    let (mut firing, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for test in promtool_tests() {
        for expected in test["alert_rule_test"].as_array().into_iter().flatten() {
            let name = expected["alertname"].as_str().unwrap().to_owned();
            let fired = !expected["exp_alerts"].as_array().unwrap().is_empty();
            if fired {
                firing.insert(name)
            } else {
                silent.insert(name)
            };
        }
    }
    let names: BTreeSet<String> = alert_rules(&GeneratorOptions::DEFAULT)
        .into_iter()
        .map(|rule| rule.name.to_owned())
        .collect();
    assert_eq!(
        firing, names,
        "a test names an unknown alert, or an alert has no test"
    );
    let always_firing = BTreeSet::from([ExporterAlert::Watchdog.entry().name.to_owned()]);
    assert_eq!(&names - &silent, always_firing);
}

#[test]
fn promtool_tests_fire_for_every_check_and_mode() {
    let mut tested = BTreeSet::new();
    for test in promtool_tests() {
        for expected in test["promql_expr_test"].as_array().into_iter().flatten() {
            let value = |text: &str, label: &str| {
                let (_, from) = text.split_once(&format!("{label}=\""))?;
                from.split_once('"').map(|(value, _)| value.to_owned())
            };
            let alert = value(expected["expr"].as_str().unwrap(), "alertname");
            for sample in expected["exp_samples"].as_array().unwrap() {
                let labels = sample["labels"].as_str().unwrap();
                let pair = value(labels, "check").zip(value(labels, "mode"));
                tested.extend(alert.clone().zip(pair));
            }
        }
    }
    let all: BTreeSet<_> = pairs()
        .map(|(check, mode)| {
            let alert = covering(check, mode).expect("the pair has an alert");
            (alert.name.to_owned(), (check.to_string(), mode.to_string()))
        })
        .collect();
    assert_eq!(tested, all);
}

/// Returns the committed tests of all rules.
fn promtool_tests() -> Vec<serde_json::Value> {
    let tests = |contents: &str| {
        let document: serde_json::Value = serde_saphyr::from_str(contents).unwrap();
        document["tests"].as_array().unwrap().clone()
    };
    committed("alerts/tests")
        .iter()
        .flat_map(|file| tests(&file.contents))
        .collect()
}

#[test]
fn prometheus_rule_objects_match_the_rules_and_fit_kubectl_apply() {
    let documents = committed_file("alerts/prometheusrule.yaml");
    let groups = groups(&GeneratorOptions::DEFAULT);
    assert_eq!(documents.split("---\n").count(), groups.len());
    for (document, group) in documents.split("---\n").zip(&groups) {
        let object: serde_json::Value = serde_saphyr::from_str(document).unwrap();
        let plain = committed_file(&format!("alerts/rules/{}.yaml", group.name));
        let plain: serde_json::Value = serde_saphyr::from_str(&plain).unwrap();
        assert_eq!(object["spec"]["groups"], plain["groups"], "{}", group.name);
        assert_eq!(object["kind"], "PrometheusRule");
        assert!(
            object.to_string().len() < MAX_OBJECT_BYTES,
            "{} exceeds the limit of kubectl apply",
            group.name
        );
    }
}
