//! Rules, routes and inhibitions in the programs that will read them, and what no program looks at.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use castai_health_exporter::alerting::alertmanager::inhibition;
use castai_health_exporter::alerting::rules::group::{AlertRule, Group, Rule};
use castai_health_exporter::alerting::rules::groups;
use castai_health_exporter::alerting::settings::Settings;
use castai_health_exporter::catalogue::alert::{AHEAD, ALERTS, patience};
use castai_health_exporter::catalogue::exporter_alert::OBJECTIVES;
use castai_health_exporter::catalogue::metric::{Kind, METRICS};
use castai_health_exporter::catalogue::relations::{BLOCKS, CONSEQUENCES, MUTES, root};
use castai_health_exporter::catalogue::{CheckId, FailureMode, OwnAlert};
use test_support::committed::{committed, committed_file};

use crate::cli::program;

/// `kubectl apply` keeps a copy of the object in an annotation, and annotations end at 256 KiB.
const LARGEST_OBJECT: usize = 200 * 1024;

#[test]
fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_is_silent() {
    let (mut loud, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for file in committed("alerts/tests") {
        let document: serde_json::Value = serde_saphyr::from_str(&file.contents).unwrap();
        for test in document["tests"].as_array().unwrap() {
            for expected in test["alert_rule_test"].as_array().unwrap() {
                let name = expected["alertname"].as_str().unwrap().to_owned();
                let fired = !expected["exp_alerts"].as_array().unwrap().is_empty();
                if fired {
                    loud.insert(name)
                } else {
                    silent.insert(name)
                };
            }
        }
    }
    let rules = groups(&Settings::DEFAULT);
    let names: BTreeSet<String> = rules
        .iter()
        .flat_map(Group::alerts)
        .map(|alert| alert.name.to_owned())
        .collect();
    assert_eq!(
        loud, names,
        "a test speaks of no alert, or an alert has no test"
    );
    let always: BTreeSet<String> = [OwnAlert::Watchdog.entry().name.to_owned()].into();
    assert_eq!(
        names.difference(&silent).cloned().collect::<BTreeSet<_>>(),
        always
    );
}

#[test]
fn every_pair_is_one_alert_and_has_what_people_need() {
    let rules = groups(&Settings::DEFAULT);
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
        let said: Vec<&str> = alert.annotations.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            said,
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
        let looks = ["==", "> ", ">=", "unless", "vector(1)"];
        assert!(
            looks.iter().any(|sign| alert.expr.contains(sign)),
            "{} compares nothing",
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
fn every_rule_keeps_the_cluster() {
    for group in groups(&Settings::DEFAULT) {
        for rule in &group.rules {
            let (Rule::Record { expr, .. } | Rule::Alert(AlertRule { expr, .. })) = rule;
            for clause in expr.split(" by (").skip(1) {
                assert!(clause.starts_with("cluster, namespace"), "{expr}");
            }
            assert!(
                !expr.contains(", pod"),
                "a pod's name starts the patience over when it is replaced: {expr}"
            );
        }
    }
}

#[test]
fn a_cause_is_told_no_later_and_ends_no_earlier_than_what_it_mutes() {
    let rules = groups(&Settings::DEFAULT);
    let alerts: Vec<&AlertRule> = rules.iter().flat_map(Group::alerts).collect();
    let mut compared = 0;
    for inhibition in inhibition::inhibitions() {
        let matching = |matchers: &[inhibition::Matcher]| {
            alerts
                .iter()
                .filter(|alert| matchers.iter().all(|one| one.may_hold(alert)))
                .copied()
                .collect::<Vec<_>>()
        };
        let (sources, targets) = (matching(&inhibition.source), matching(&inhibition.target));
        assert!(
            inhibition.foreign || !sources.is_empty(),
            "nothing is the source of {inhibition:?}"
        );
        assert!(
            !targets.is_empty(),
            "nothing is the target of {inhibition:?}"
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
            let burn = target.name == OwnAlert::ErrorBudgetBurn.entry().name;
            if burn
                && !OBJECTIVES
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
                "{} {:?} is told after {early:?}, {} after {late:?}",
                source.name,
                source.mode,
                target.name
            );
            assert!(
                source.keep_firing_for >= target.keep_firing_for,
                "{} ends before {}",
                source.name,
                target.name
            );
            // A blocked check is known again only after what blocked it is well.
            let lags = target.name == OwnAlert::CheckUnknown.entry().name;
            assert!(
                !lags || source.keep_firing_for > target.keep_firing_for,
                "{} ends with {}",
                source.name,
                target.name
            );
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn only_what_wakes_somebody_mutes_that_the_agents_pods_do_not_run() {
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
fn an_image_that_the_agent_waits_for_mutes_no_other_trouble_with_images() {
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
fn every_row_of_the_catalogue_is_an_inhibition() {
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
            .map(|mode| patience(row.check, *mode))
            .max()
            .unwrap();
        let late = row
            .muted_modes
            .iter()
            .all(|mode| patience(row.muted, *mode) >= causes + AHEAD);
        assert!(late, "what follows may be told before its cause: {row:?}");
    }
}

#[test]
fn nobody_waits_longer_for_a_cause_than_for_the_alert_without_one() {
    for alert in ALERTS {
        for mode in alert.modes {
            assert!(
                patience(alert.check, *mode) <= OwnAlert::CheckFailing.entry().patience,
                "{} {mode}",
                alert.name
            );
            assert!(
                patience(alert.check, *mode) >= Duration::from_mins(2),
                "{} {mode}",
                alert.name
            );
        }
    }
}

#[test]
fn the_operators_objects_hold_the_same_and_are_small_enough() {
    let documents = committed_file("alerts/prometheusrule.yaml");
    let groups = groups(&Settings::DEFAULT);
    assert_eq!(documents.split("---\n").count(), groups.len());
    for (document, group) in documents.split("---\n").zip(&groups) {
        let object: serde_json::Value = serde_saphyr::from_str(document).unwrap();
        let plain = committed_file(&format!("alerts/rules/{}.yaml", group.name));
        let plain: serde_json::Value = serde_saphyr::from_str(&plain).unwrap();
        assert_eq!(object["spec"]["groups"], plain["groups"], "{}", group.name);
        assert_eq!(object["kind"], "PrometheusRule");
        assert!(
            object.to_string().len() < LARGEST_OBJECT,
            "{} is too large for kubectl apply",
            group.name
        );
    }
    let manager = committed_file("alerts/alertmanager/alertmanagerconfig.yaml");
    let manager: serde_json::Value = serde_saphyr::from_str(&manager).unwrap();
    let foreign = inhibition::inhibitions()
        .iter()
        .filter(|one| one.foreign)
        .count();
    let rules = manager["spec"]["inhibitRules"].as_array().unwrap().len();
    assert_eq!(rules, inhibition::inhibitions().len() - foreign);
}

/// Labels that no metric of ours has by itself: the scrape adds them, or a rule.
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

/// The names of all metrics, those that rules record among them.
static NAMES: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| {
        let mut names: BTreeSet<String> = METRICS.iter().map(|metric| metric.full_name()).collect();
        for metric in METRICS
            .iter()
            .filter(|metric| metric.kind == Kind::Histogram)
        {
            names.extend(["_bucket", "_sum", "_count"].map(|end| metric.full_name() + end));
        }
        let groups = groups(&Settings::DEFAULT);
        names.extend(groups.into_iter().flat_map(|group| group.rules).filter_map(
            |rule| match rule {
                Rule::Record { name, .. } => Some(name),
                Rule::Alert(_) => None,
            },
        ));
        names
    });

/// Every metric, label and value of a label that an expression names.
pub(crate) fn assert_only_what_is_published(text: &str) {
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
            let (label, value) = matcher.split_once(['=', '!']).expect("a matcher compares");
            assert!(
                labels.contains(label.trim()),
                "{label} is no label of ours: {text}"
            );
            let value = value.trim_start_matches(['=', '~']).trim_matches('"');
            // Two metrics may have labels of one name and different values.
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
fn rules_and_their_tests_name_only_what_the_catalogue_publishes() {
    for group in groups(&Settings::DEFAULT) {
        for rule in &group.rules {
            let (Rule::Record { expr, .. } | Rule::Alert(AlertRule { expr, .. })) = rule;
            assert_only_what_is_published(expr);
        }
    }
    for file in committed("alerts/tests") {
        let document: serde_json::Value = serde_saphyr::from_str(&file.contents).unwrap();
        for test in document["tests"].as_array().unwrap() {
            for series in test["input_series"].as_array().unwrap() {
                assert_only_what_is_published(series["series"].as_str().unwrap());
            }
        }
    }
}

#[test]
#[should_panic(expected = "is not published")]
fn a_metric_that_is_misspelt_is_noticed() {
    assert_only_what_is_published("castai_health_failures{check=\"dns\"} == 1");
}

#[test]
#[should_panic(expected = "is never")]
fn a_value_that_no_label_takes_is_noticed() {
    assert_only_what_is_published("castai_health_failure{check=\"dns\",mode=\"nxdomain\"} == 1");
}

#[test]
fn whoever_publishes_the_runbooks_elsewhere_gets_links_that_lead_there() {
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
