//! Alerts: each covers some failure modes of one check and has a runbook of the same name.

mod agent;
mod castai_api;
mod cloud;
mod cluster;
mod entry;
mod kubernetes;
mod workload;

pub use entry::Alert;

use crate::catalogue::check::CheckId;
use crate::catalogue::mode::FailureMode;
use crate::catalogue::relation::explaining;
use crate::catalogue::sentence::first_sentence;

/// The alerts by area: Kubernetes, CAST AI, the cloud, workloads, the cluster, the agent itself.
pub const AREAS: &[(&str, &[Alert])] = &[
    ("kubernetes", kubernetes::ALERTS),
    ("castai_api", castai_api::ALERTS),
    ("cloud", cloud::ALERTS),
    ("workload", workload::ALERTS),
    ("cluster", cluster::ALERTS),
    ("agent", agent::ALERTS),
];

/// All alerts, in the order of the runbook index.
pub const ALERTS: &[Alert] = &{
    const COUNT: usize = {
        let (mut count, mut area) = (0, 0);
        while area < AREAS.len() {
            count += AREAS[area].1.len();
            area += 1;
        }
        count
    };
    let mut all = [AREAS[0].1[0]; COUNT];
    let (mut count, mut area) = (0, 0);
    while area < AREAS.len() {
        let mut at = 0;
        while at < AREAS[area].1.len() {
            all[count] = AREAS[area].1[at];
            count += 1;
            at += 1;
        }
        area += 1;
    }
    all
};

/// Returns the alert that covers a (check, mode).
pub fn for_mode(check: CheckId, mode: FailureMode) -> Option<&'static Alert> {
    ALERTS
        .iter()
        .find(|alert| alert.check == check && alert.modes.contains(&mode))
}

/// Returns the alert with this name.
pub fn by_name(name: &str) -> Option<&'static Alert> {
    ALERTS.iter().find(|alert| alert.name == name)
}

/// Returns the pair under which a failure has its alert and its runbook section.
///
/// It is the pair itself, unless the failure usually only follows from another check's: then it is
/// that of the cause.
pub fn documented_as(check: CheckId, mode: FailureMode) -> (CheckId, FailureMode) {
    if for_mode(check, mode).is_some() {
        return (check, mode);
    }
    explaining(check, mode)
        .next()
        .map_or((check, mode), |relation| {
            let same = relation.modes.contains(&mode);
            (relation.cause, if same { mode } else { relation.modes[0] })
        })
}

/// Returns the alert of a failure, whether it has its own or shares that of its usual cause.
pub fn covering(check: CheckId, mode: FailureMode) -> Option<&'static Alert> {
    let (check, mode) = documented_as(check, mode);
    for_mode(check, mode)
}

/// Returns a clause that explains a mode found in a quoted text, and names the check that verifies
/// it.
pub fn explain_mode(mode: FailureMode) -> String {
    let check = CheckId::ALL
        .iter()
        .find(|check| for_mode(**check, mode).is_some());
    let check = check
        .map(|check| format!(" (check {check})"))
        .unwrap_or_default();
    let meaning = first_sentence(mode.entry().meaning);
    format!("this indicates {mode}{check}: {meaning}")
}

/// Returns every mode that a check can show, in the order of declaration.
pub fn modes_of(check: CheckId) -> impl Iterator<Item = FailureMode> {
    let all = FailureMode::ALL.iter().copied();
    all.filter(move |mode| mode.shown_by(check))
}
