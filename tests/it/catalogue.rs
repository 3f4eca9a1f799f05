//! The catalogue as a table: nothing twice, nothing without text, nothing that no scenario provokes.

use std::collections::BTreeSet;

use castai_health_exporter::catalogue::alert::{ALERTS, modes_of};
use castai_health_exporter::catalogue::relations::{BLOCKS, CONSEQUENCES};
use castai_health_exporter::catalogue::remedies::REMEDIES;
use castai_health_exporter::catalogue::{CheckId, FailureMode, anchor, remedy};
use test_support::scenarios::SCENARIOS;

use crate::log_lines::LINES;
use crate::workloads;

/// The modes that are agreed upon and still to come; the list only shrinks.
const TO_COME: &[&str] = &[];

fn pairs() -> BTreeSet<(CheckId, FailureMode)> {
    CheckId::ALL
        .iter()
        .flat_map(|check| modes_of(*check).map(|mode| (*check, mode)))
        .collect()
}

#[test]
fn every_pair_of_check_and_mode_is_provoked_by_a_scenario() {
    let mut provoked: BTreeSet<_> = SCENARIOS
        .iter()
        .map(|scenario| (scenario.check, scenario.mode))
        .collect();
    provoked.extend(workloads::provoked());
    provoked.extend(LINES.iter().map(|(mode, _)| (CheckId::AgentLog, *mode)));
    let missing: Vec<_> = pairs().difference(&provoked).copied().collect();
    assert!(missing.is_empty(), "no scenario provokes {missing:?}");
}

#[test]
fn every_pair_that_a_scenario_provokes_is_published() {
    for scenario in SCENARIOS {
        assert!(
            pairs().contains(&(scenario.check, scenario.mode)),
            "{} {}",
            scenario.check,
            scenario.mode
        );
    }
}

#[test]
fn every_pair_has_one_alert_or_only_follows_from_another() {
    for (check, mode) in pairs() {
        let alerts = ALERTS
            .iter()
            .filter(|alert| alert.check == check && alert.modes.contains(&mode))
            .count();
        let roots = CONSEQUENCES
            .iter()
            .filter(|row| row.check == check && row.modes.contains(&mode))
            .count();
        assert_eq!(
            alerts + roots,
            1,
            "{check} {mode} has {alerts} alerts and {roots} roots"
        );
    }
}

#[test]
fn a_consequence_follows_from_a_root_that_has_an_alert() {
    for row in CONSEQUENCES {
        for mode in row.modes.iter().map(|mode| row.root.unwrap_or(*mode)) {
            let owned = ALERTS
                .iter()
                .any(|alert| alert.check == row.of && alert.modes.contains(&mode));
            assert!(
                owned,
                "{} {mode} follows from {} {mode}, which no alert tells",
                row.check, row.of
            );
        }
    }
}

#[test]
fn only_a_prerequisite_blocks() {
    for block in BLOCKS {
        assert!(
            block.blocked.entry().prerequisites.contains(&block.check),
            "{block:?}"
        );
    }
}

#[test]
fn names_are_used_once() {
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
fn names_are_written_as_labels_and_alerts_are() {
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
fn every_mode_says_what_it_means_how_it_is_told_apart_and_what_mends_it() {
    for mode in FailureMode::ALL {
        let entry = mode.entry();
        for (what, text) in [
            ("meaning", entry.meaning),
            ("distinguishing", entry.distinguishing),
            ("remedy", entry.remedy),
        ] {
            assert!(text.len() > 20, "{mode} has no {what}");
        }
    }
}

#[test]
fn modes_that_are_still_to_come_are_printed_and_not_yet_named() {
    println!(
        "{} modes are still to come: {}",
        TO_COME.len(),
        TO_COME.join(" ")
    );
    for label in TO_COME {
        assert!(
            FailureMode::from_label(label).is_none(),
            "{label} has come: take it off the list"
        );
    }
}

#[test]
fn a_remedy_of_its_own_belongs_to_a_pair_that_is_published_and_to_one_row() {
    for row in REMEDIES {
        for (check, mode) in row
            .checks
            .iter()
            .flat_map(|check| row.modes.iter().map(move |mode| (*check, *mode)))
        {
            assert!(pairs().contains(&(check, mode)), "{check} {mode}");
            assert_eq!(
                remedy(check, mode),
                row.text,
                "{check} {mode} has two rows, or is mended where its root is"
            );
        }
    }
}
