//! Invariants of the alert rules, their tests, and the inhibition rules.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use castai_health_exporter::alerting::alertmanager::inhibition;
use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::rules::group::{AlertRule, Group, Rule};
use castai_health_exporter::alerting::rules::groups;
use castai_health_exporter::catalogue::alert::{ALERTS, CAUSE_LEAD_TIME, for_duration};
use castai_health_exporter::catalogue::exporter_alert::SLO_CHECKS;
use castai_health_exporter::catalogue::metric::{METRICS, MetricKind};
use castai_health_exporter::catalogue::mute::MUTES;
use castai_health_exporter::catalogue::relations::{BLOCKS, CONSEQUENCES, root};
use castai_health_exporter::catalogue::{CheckId, ExporterAlert, FailureMode};
use test_support::committed::{committed, committed_file};

use crate::cli::program;

/// `kubectl apply` stores a copy of the object in an annotation, which is limited to 256 KiB.
const MAX_OBJECT_BYTES: usize = 200 * 1024;

#[test]
fn promtool_tests_fire_and_silence_every_alert() {
    let (mut firing, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for file in committed("alerts/tests") {
        let document: serde_json::Value = serde_saphyr::from_str(&file.contents).unwrap();
        for test in document["tests"].as_array().unwrap() {
            for expected in test["alert_rule_test"].as_array().unwrap() {
                let name = expected["alertname"].as_str().unwrap().to_owned();
                let fired = !expected["exp_alerts"].as_array().unwrap().is_empty();
                if fired {
                    firing.insert(name)
                } else {
                    silent.insert(name)
                };
            }
        }
    }
    let rules = groups(&GeneratorOptions::DEFAULT);
    let names: BTreeSet<String> = rules
        .iter()
        .flat_map(Group::alerts)
        .map(|alert| alert.name.to_owned())
        .collect();
    assert_eq!(
        firing, names,
        "a test names an unknown alert, or an alert has no test"
    );
    let always_firing: BTreeSet<String> = [ExporterAlert::Watchdog.entry().name.to_owned()].into();
    assert_eq!(
        names.difference(&silent).cloned().collect::<BTreeSet<_>>(),
        always_firing
    );
}

#[test]
fn every_failure_mode_has_one_alert_with_all_annotations() {
    let rules = groups(&GeneratorOptions::DEFAULT);
    let alerts: Vec<&AlertRule> = rules.iter().flat_map(Group::alerts).collect();
    for alert in ALERTS {
        for mode in alert.modes {
            let of_pair = |rule: &&&AlertRule| {
                rule.check == Some(alert.check.label()) && rule.mode == Some(mode.label())
            };
            assert_eq!(
                alerts.iter().filter(of_pair).count(),
                1,
                "{} {mode}",
                alert.check
            );
        }
    }
    for alert in &alerts {
        let annotations: Vec<&str> = alert.annotations.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            annotations,
            ["summary", "description", "impact", "remedy", "runbook_url"],
            "{}",
            alert.name
        );
        let summary = &alert.annotations[0].1;
        assert!(
            !summary.contains("{{") && summary.ends_with('.'),
            "{}: {summary}",
            alert.name
        );
        assert!(
            alert.labels.iter().all(|(_, value)| !value.contains("{{")),
            "{}",
            alert.name
        );
        let comparisons = ["==", "> ", ">=", "unless", "vector(1)"];
        assert!(
            comparisons.iter().any(|sign| alert.expr.contains(sign)),
            "{} has no comparison",
            alert.name
        );
        assert!(
            !alert.expr.contains("topk") && !alert.expr.contains("absent("),
            "{}",
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
        }
    }
}

#[test]
fn inhibiting_alert_fires_first_and_resolves_last() {
    let rules = groups(&GeneratorOptions::DEFAULT);
    let alerts: Vec<&AlertRule> = rules.iter().flat_map(Group::alerts).collect();
    let mut compared = 0;
    for inhibition in inhibition::inhibitions() {
        let matching = |matchers: &[inhibition::Matcher]| {
            alerts
                .iter()
                .filter(|alert| matchers.iter().all(|one| one.can_match(alert)))
                .copied()
                .collect::<Vec<_>>()
        };
        let (sources, targets) = (matching(&inhibition.source), matching(&inhibition.target));
        assert!(
            inhibition.external || !sources.is_empty(),
            "no alert matches the source of {inhibition:?}"
        );
        assert!(
            !targets.is_empty(),
            "no alert matches the target of {inhibition:?}"
        );
        for (source, target) in sources
            .iter()
            .flat_map(|source| targets.iter().map(move |target| (source, target)))
        {
            assert!(
                !std::ptr::eq(*source, *target),
                "{} mutes itself",
                source.name
            );
            let burn = target.name == ExporterAlert::ErrorBudgetBurn.entry().name;
            if burn
                && !SLO_CHECKS
                    .iter()
                    .any(|check| source.check == Some(check.label()))
            {
                continue;
            }
            let (early, late) = (
                source.earliest_notification(),
                target.earliest_notification(),
            );
            assert!(
                early <= late,
                "{} {:?} fires after {early:?}, {} after {late:?}",
                source.name,
                source.mode,
                target.name
            );
            assert!(
                source.keep_firing_for >= target.keep_firing_for,
                "{} resolves before {}",
                source.name,
                target.name
            );
            // A blocked check recovers only after the check that blocked it.
            let lags = target.name == ExporterAlert::CheckUnknown.entry().name;
            assert!(
                !lags || source.keep_firing_for > target.keep_firing_for,
                "{} resolves at the same time as {}",
                source.name,
                target.name
            );
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn only_critical_alerts_mute_agent_workload() {
    let target = |one: &&inhibition::Inhibition| {
        one.target
            .iter()
            .any(|by| by.label == "check" && by.values == [CheckId::AgentWorkload.label()])
            && one.target.iter().any(|by| by.label == "mode")
    };
    let inhibitions = inhibition::inhibitions();
    let muting: Vec<_> = inhibitions.iter().filter(target).collect();
    assert!(!muting.is_empty());
    for one in muting {
        assert!(
            one.source
                .iter()
                .any(|by| by.label == "severity" && by.values == ["critical"]),
            "{one:?}"
        );
    }
}

#[test]
fn agent_image_pull_failure_mutes_only_the_same_mode() {
    let names = |matchers: &[inhibition::Matcher], check: CheckId| {
        matchers
            .iter()
            .any(|by| by.label == "check" && by.values == [check.label()])
            && matchers.iter().any(|by| by.label == "mode")
    };
    let inhibitions = inhibition::inhibitions();
    let row = |one: &&inhibition::Inhibition| {
        names(&one.source, CheckId::AgentWorkload) && names(&one.target, CheckId::ImagePull)
    };
    let muting: Vec<_> = inhibitions.iter().filter(row).collect();
    assert_eq!(muting.len(), 1);
    assert!(muting[0].equal.contains(&"mode"), "{:?}", muting[0]);
}

#[test]
fn every_relation_of_the_catalogue_has_an_inhibition_rule() {
    let inhibitions = inhibition::inhibitions();
    let mutes = |check: CheckId, mode: FailureMode, muted: CheckId| {
        let (check, mode) = root(check, mode);
        let is = |matchers: &[inhibition::Matcher], label: &str, value: &'static str| {
            matchers
                .iter()
                .any(|one| one.label == label && one.values.contains(&value))
        };
        inhibitions.iter().any(|one| {
            is(&one.source, "check", check.label())
                && is(&one.source, "mode", mode.label())
                && is(&one.target, "check", muted.label())
        })
    };
    for row in CONSEQUENCES {
        assert!(
            row.modes
                .iter()
                .all(|mode| mutes(row.check, *mode, row.check)),
            "{row:?}"
        );
    }
    for row in BLOCKS {
        assert!(
            row.modes
                .iter()
                .all(|mode| mutes(row.check, *mode, row.blocked)),
            "{row:?}"
        );
    }
    for row in MUTES {
        assert!(
            row.modes
                .iter()
                .all(|mode| mutes(row.check, *mode, row.muted)),
            "{row:?}"
        );
        let causes = row
            .modes
            .iter()
            .map(|mode| for_duration(row.check, *mode))
            .max()
            .unwrap();
        let late = row
            .muted_modes
            .iter()
            .all(|mode| for_duration(row.muted, *mode) >= causes + CAUSE_LEAD_TIME);
        assert!(late, "a consequence may fire before its cause: {row:?}");
    }
}

#[test]
fn alerts_with_a_cause_fire_before_check_failing() {
    for alert in ALERTS {
        for mode in alert.modes {
            assert!(
                for_duration(alert.check, *mode)
                    <= ExporterAlert::CheckFailing.entry().for_duration,
                "{} {mode}",
                alert.name
            );
            assert!(
                for_duration(alert.check, *mode) >= Duration::from_mins(2),
                "{} {mode}",
                alert.name
            );
        }
    }
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
    let manager = committed_file("alerts/alertmanager/alertmanagerconfig.yaml");
    let manager: serde_json::Value = serde_saphyr::from_str(&manager).unwrap();
    let foreign = inhibition::inhibitions()
        .iter()
        .filter(|one| one.external)
        .count();
    let rules = manager["spec"]["inhibitRules"].as_array().unwrap().len();
    assert_eq!(rules, inhibition::inhibitions().len() - foreign);
}

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
static NAMES: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| {
        let mut names: BTreeSet<String> = METRICS.iter().map(|metric| metric.full_name()).collect();
        for metric in METRICS
            .iter()
            .filter(|metric| metric.kind == MetricKind::Histogram)
        {
            names.extend(["_bucket", "_sum", "_count"].map(|end| metric.full_name() + end));
        }
        let groups = groups(&GeneratorOptions::DEFAULT);
        names.extend(groups.into_iter().flat_map(|group| group.rules).filter_map(
            |rule| match rule {
                Rule::Record { name, .. } => Some(name),
                Rule::Alert(_) => None,
            },
        ));
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
    for selector in text
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(inside, _)| inside)
    {
        for matcher in selector
            .split("\",")
            .filter(|matcher| matcher.contains('"'))
        {
            let (label, value) = matcher
                .split_once(['=', '!'])
                .expect("a matcher has an operator");
            assert!(
                labels.contains(label.trim()),
                "{label} is not a published label: {text}"
            );
            let value = value.trim_start_matches(['=', '~']).trim_matches('"');
            // Metrics may share a label name with different values.
            let of_name = METRICS
                .iter()
                .flat_map(|metric| metric.labels)
                .filter(|one| one.name == label.trim());
            let closed: Vec<&str> = of_name
                .filter_map(|label| label.values.closed())
                .flatten()
                .collect();
            if closed.is_empty() {
                continue;
            }
            for value in value
                .split('|')
                .filter(|value| !value.is_empty() && !value.contains(['$', '.']))
            {
                assert!(closed.contains(&value), "{label} is never {value}: {text}");
            }
        }
    }
}

#[test]
fn rules_and_promtool_tests_use_only_published_metrics() {
    for group in groups(&GeneratorOptions::DEFAULT) {
        for rule in &group.rules {
            let (Rule::Record { expr, .. } | Rule::Alert(AlertRule { expr, .. })) = rule;
            assert_published(expr);
        }
    }
    for file in committed("alerts/tests") {
        let document: serde_json::Value = serde_saphyr::from_str(&file.contents).unwrap();
        for test in document["tests"].as_array().unwrap() {
            for series in test["input_series"].as_array().unwrap() {
                assert_published(series["series"].as_str().unwrap());
            }
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
fn generate_uses_runbook_base_url() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let output = program(&[
        "generate",
        folder,
        "--runbook-base-url",
        "https://example.org/books/",
    ])
    .output()
    .unwrap();
    assert!(output.status.success(), "{output:?}");
    let rules = std::fs::read_to_string(Path::new(folder).join("alerts/rules/dns.yaml")).unwrap();
    let mode = FailureMode::NetDnsTimeout;
    assert!(
        rules.contains(
            "runbook_url: 'https://example.org/books/CastaiDnsFailing.md#dns-net-dns-timeout'"
        ),
        "{mode}"
    );
}
