//! What is published about a (check, mode): its alert, what it blocks, what it follows from.

use std::time::Duration;

mod agent;
mod castai_api;
mod cloud;
mod cluster;
mod kubernetes;
mod workload;

use crate::catalogue::check::CheckId;
use crate::catalogue::mode::FailureMode;
use crate::catalogue::mode::category::Property;
use crate::catalogue::relations::{CONSEQUENCES, MUTES, root};

/// One alert and its runbook; `alertname`, and the name of the runbook's file.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    /// The name, which never changes.
    pub name: &'static str,
    /// The check whose verdict it tells.
    pub check: CheckId,
    /// The modes of that check that belong to it.
    pub modes: &'static [FailureMode],
    /// One static sentence.
    pub summary: &'static str,
    /// What it means for the cluster.
    pub impact: &'static str,
    /// Commands that show the trouble from another side.
    pub diagnosis: &'static [&'static str],
}

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

/// So much longer does what follows wait than its cause: both are seen, and evaluated, at moments of their own.
pub const AHEAD: Duration = Duration::from_mins(1);

/// How long a pair must hold before anyone is told: two intervals of its check at least, so that one attempt tells
/// nobody, and longer than what mutes it, so that a cause is told first.
pub fn patience(check: CheckId, mode: FailureMode) -> Duration {
    let minutes = if mode.has(Property::Transient) { 10 } else { 5 };
    let muting = MUTES
        .iter()
        .filter(|mute| mute.muted == check && mute.muted_modes.contains(&mode));
    let causes = muting.flat_map(|mute| {
        mute.modes
            .iter()
            .map(|cause| patience(mute.check, *cause) + AHEAD)
    });
    Duration::from_mins(minutes)
        .max(check.entry().interval * 2)
        .max(causes.max().unwrap_or_default())
}

/// The alert that tells a (check, mode).
pub fn alert(check: CheckId, mode: FailureMode) -> Option<&'static Alert> {
    ALERTS
        .iter()
        .find(|alert| alert.check == check && alert.modes.contains(&mode))
}

/// The alert with this name.
pub fn named(name: &str) -> Option<&'static Alert> {
    ALERTS.iter().find(|alert| alert.name == name)
}

/// The alert whose runbook explains a pair: its own, or that of its root.
pub fn explaining(check: CheckId, mode: FailureMode) -> Option<&'static Alert> {
    let (check, mode) = root(check, mode);
    alert(check, mode)
}

/// What foreign words mean that name this mode, and which check looks whether it is so; for the end of a sentence.
pub fn in_words(mode: FailureMode) -> String {
    let check = CheckId::ALL
        .iter()
        .find(|check| alert(**check, mode).is_some());
    let check = check
        .map(|check| format!(", for which {check} looks"))
        .unwrap_or_default();
    format!(
        "these words mean {mode}{check}: {}",
        crate::catalogue::first_sentence(mode.entry().meaning)
    )
}

/// Every mode that a check can show, its own first, then consequences.
pub fn modes_of(check: CheckId) -> impl Iterator<Item = FailureMode> {
    let own = ALERTS
        .iter()
        .filter(move |alert| alert.check == check)
        .flat_map(|alert| alert.modes);
    let shown = CONSEQUENCES
        .iter()
        .filter(move |row| row.check == check)
        .flat_map(|row| row.modes);
    own.chain(shown).copied()
}
