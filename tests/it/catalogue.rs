//! Consistency of the catalogue: unique names, complete texts, and a scenario for every (check, mode).

mod relations;
mod remedies;

use std::collections::BTreeSet;

use castai_health_exporter::catalogue::agent_permission::AGENT_PERMISSIONS;
use castai_health_exporter::catalogue::alert::{ALERTS, documented_as, for_mode, modes_of};
use castai_health_exporter::catalogue::relation::explaining;
use castai_health_exporter::catalogue::remedy_overrides::REMEDY_OVERRIDES;
use castai_health_exporter::catalogue::situation::SITUATION_REMEDIES;
use castai_health_exporter::catalogue::{
    CheckId, FailureMode, Remedy, RemedyValues, anchor, remedy, remedy_in,
};
use test_support::agent_log_lines::LINES;
use test_support::scenarios::scenarios;

use crate::workloads;

/// Modes that are agreed on but not implemented yet; the list only shrinks.
const UNIMPLEMENTED_MODES: &[&str] = &[];

fn pairs() -> BTreeSet<(CheckId, FailureMode)> {
    CheckId::ALL
        .iter()
        .flat_map(|check| modes_of(*check).map(|mode| (*check, mode)))
        .collect()
}

#[test]
fn every_check_and_mode_pair_has_a_scenario() {
    let mut covered_pairs: BTreeSet<_> = scenarios()
        .map(|scenario| (scenario.check, scenario.mode))
        .collect();
    covered_pairs.extend(workloads::covered_pairs());
    covered_pairs.extend(LINES.iter().map(|(mode, _)| (CheckId::AgentLog, *mode)));
    let missing: Vec<_> = pairs().difference(&covered_pairs).copied().collect();
    assert!(missing.is_empty(), "no scenario provokes {missing:?}");
}

#[test]
fn every_scenario_provokes_a_published_pair() {
    for scenario in scenarios() {
        assert!(
            pairs().contains(&(scenario.check, scenario.mode)),
            "{} {}",
            scenario.check,
            scenario.mode
        );
    }
}

#[test]
fn every_pair_has_one_alert_or_shares_that_of_its_cause() {
    for (check, mode) in pairs() {
        let own = ALERTS
            .iter()
            .filter(|alert| alert.check == check && alert.modes.contains(&mode))
            .count();
        let explained = explaining(check, mode).next().is_some();
        assert!(
            own == 1 || own == 0 && explained,
            "{check} {mode} has {own} alerts"
        );
        let (of, documented) = documented_as(check, mode);
        assert!(for_mode(of, documented).is_some(), "{check} {mode}");
        assert_eq!(own == 1, (of, documented) == (check, mode));
    }
}

#[test]
fn every_alert_covers_only_modes_that_its_check_shows() {
    for alert in ALERTS {
        assert!(!alert.modes.is_empty(), "{}", alert.name);
        for mode in alert.modes {
            assert!(mode.shown_by(alert.check), "{} {mode}", alert.name);
        }
    }
}

#[test]
fn labels_alert_names_and_anchors_are_unique() {
    let labels: BTreeSet<_> = FailureMode::ALL.iter().map(|mode| mode.label()).collect();
    assert_eq!(labels.len(), FailureMode::ALL.len());
    let alerts: BTreeSet<_> = ALERTS.iter().map(|alert| alert.name).collect();
    assert_eq!(alerts.len(), ALERTS.len());
    let anchors: BTreeSet<_> = pairs()
        .into_iter()
        .map(|(check, mode)| anchor(check, mode))
        .collect();
    assert_eq!(anchors.len(), pairs().len());
}

#[test]
fn labels_are_snake_case_and_alert_names_camel_case() {
    let snake = |label: &str| {
        label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    for mode in FailureMode::ALL {
        assert!(snake(mode.label()), "{mode}");
    }
    for alert in ALERTS {
        assert!(
            alert.name.starts_with("Castai")
                && alert.name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        );
        assert!(
            alert.summary.ends_with('.') && alert.impact.ends_with('.'),
            "{}",
            alert.name
        );
        assert!(!alert.diagnosis.is_empty(), "{}", alert.name);
    }
}

#[test]
fn every_mode_has_a_meaning_a_distinction_and_a_remedy() {
    for mode in FailureMode::ALL {
        let entry = mode.entry();
        for (field, text) in [
            ("meaning", entry.meaning),
            ("distinguishing", entry.distinguishing),
            ("remedy", entry.remedy),
        ] {
            assert!(text.len() > 20, "{mode} has no {field}");
        }
    }
}

#[test]
fn unimplemented_modes_are_printed_and_have_no_label() {
    println!(
        "{} modes are not implemented yet: {}",
        UNIMPLEMENTED_MODES.len(),
        UNIMPLEMENTED_MODES.join(" ")
    );
    for label in UNIMPLEMENTED_MODES {
        assert!(
            FailureMode::from_label(label).is_none(),
            "{label} is implemented: remove it from the list"
        );
    }
}

#[test]
fn every_specific_remedy_belongs_to_one_published_pair() {
    for row in REMEDY_OVERRIDES {
        for (check, mode) in row
            .checks
            .iter()
            .flat_map(|check| row.modes.iter().map(move |mode| (*check, *mode)))
        {
            assert!(pairs().contains(&(check, mode)), "{check} {mode}");
            assert_eq!(
                remedy(check, mode),
                Remedy::new(row.text, &RemedyValues::default()),
                "{check} {mode} has two rows, or shares the section of its cause"
            );
        }
    }
}

/// Words that a remedy of the check must not contain, because they belong to another target.
const OTHER_TARGETS: &[(CheckId, &[&str])] = &[
    (CheckId::Apiserver, &["api.cast.ai", "STS", "EC2"]),
    (CheckId::CastaiApi, &["API server", "kubeadm", "readyz"]),
    (
        CheckId::StsIdentity,
        &["API server", "kubeadm", "api.cast.ai"],
    ),
    (CheckId::Ec2Api, &["API server", "kubeadm", "api.cast.ai"]),
    (CheckId::ClusterController, AGENT_WORKLOAD),
    (CheckId::Components, AGENT_WORKLOAD),
];

/// Commands that act on the agent's own workload.
const AGENT_WORKLOAD: &[&str] = &[
    "deploy/castai-agent",
    "deployment/castai-agent",
    "deployment castai-agent",
    "deploy castai-agent",
    "name=castai-agent",
    "upgrade castai-agent",
];

#[test]
fn remedies_mention_only_the_target_of_their_check() {
    for (check, words) in OTHER_TARGETS {
        for mode in modes_of(*check).filter(|mode| documented_as(*check, *mode).0 == *check) {
            let remedy = remedy(*check, mode);
            let found = words.iter().find(|word| remedy.as_str().contains(**word));
            assert_eq!(found, None, "{check} {mode}: {remedy}");
        }
    }
}

#[test]
fn every_remedy_of_a_situation_belongs_to_one_published_pair() {
    for row in SITUATION_REMEDIES {
        for (check, mode) in row
            .checks
            .iter()
            .flat_map(|check| row.modes.iter().map(move |mode| (*check, *mode)))
        {
            assert!(pairs().contains(&(check, mode)), "{check} {mode}");
            let none = RemedyValues::default();
            let text = remedy_in(check, mode, Some(row.situation), &none);
            assert_eq!(text, row.remedy(), "{check} {mode} has two rows");
            assert_ne!(text, remedy(check, mode));
            assert_eq!(remedy_in(check, mode, None, &none), remedy(check, mode));
        }
    }
}

#[test]
fn no_permission_of_the_agent_is_listed_twice() {
    let mut listed = BTreeSet::new();
    for permission in AGENT_PERMISSIONS {
        assert!(
            listed.insert((permission.group, permission.resource)),
            "{permission:?}"
        );
        assert!(!permission.verbs.is_empty());
    }
}
