//! Alerts: each covers some failure modes of one check and has a runbook of the same name.

use std::time::Duration;

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
use crate::catalogue::mode::category::Property;
use crate::catalogue::mute::MUTES;
use crate::catalogue::relations::root;
use crate::catalogue::sentence::first_sentence;

/// All alerts, in the order of the runbook index.
pub const ALERTS: &[Alert] = &{
    const PARTS: &[&[Alert]] = &[
        kubernetes::ALERTS,
        castai_api::ALERTS,
        cloud::ALERTS,
        workload::ALERTS,
        cluster::ALERTS,
        agent::ALERTS,
    ];
    const COUNT: usize = {
        let (mut count, mut part) = (0, 0);
        while part < PARTS.len() {
            count += PARTS[part].len();
            part += 1;
        }
        count
    };
    let mut all = [PARTS[0][0]; COUNT];
    let (mut count, mut part) = (0, 0);
    while part < PARTS.len() {
        let mut at = 0;
        while at < PARTS[part].len() {
            all[count] = PARTS[part][at];
            count += 1;
            at += 1;
        }
        part += 1;
    }
    all
};

/// Extra `for` duration of a consequence, because Prometheus scrapes and evaluates it at another
/// time than its cause.
pub const CAUSE_LEAD_TIME: Duration = Duration::from_mins(1);

/// Returns the `for` duration of a pair's rule.
///
/// It spans at least two intervals of the check, so that one failed attempt notifies no one, and is
/// longer than that of every cause that inhibits the pair, so that the cause is notified first.
pub fn for_duration(check: CheckId, mode: FailureMode) -> Duration {
    let minutes = if mode.has(Property::Transient) { 10 } else { 5 };
    let muting = MUTES
        .iter()
        .filter(|mute| mute.muted == check && mute.muted_modes.contains(&mode));
    let causes = muting.flat_map(|mute| {
        mute.modes
            .iter()
            .map(|cause| for_duration(mute.check, *cause) + CAUSE_LEAD_TIME)
    });
    Duration::from_mins(minutes)
        .max(check.entry().interval * 2)
        .max(causes.max().unwrap_or_default())
}

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

/// Returns the alert of a pair or, if the pair is a consequence, of its root cause.
pub fn root_alert(check: CheckId, mode: FailureMode) -> Option<&'static Alert> {
    let (check, mode) = root(check, mode);
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
