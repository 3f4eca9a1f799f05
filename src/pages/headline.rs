//! The headline: one sentence that says whether the agent can work, what is broken, and since when.

use std::time::SystemTime;

use crate::catalogue::{Family, Property, Severity, Status, alert, first_sentence};
use crate::diagnosis::Failure;
use crate::doctor::SidecarRootCause;
use crate::pages::sidecars;
use crate::pages::text::{clause, counted};
use crate::pages::tone::{Tone, verdict};
use crate::pages::view::View;
use crate::report::Evidence;

/// The headline of the status page.
#[derive(Debug)]
pub(super) struct Headline {
    pub(super) tone: Tone,
    /// The verdict on the agent.
    pub(super) verdict: &'static str,
    /// The root cause, or what is known; code is in backticks.
    pub(super) because: String,
    /// A second sentence, or the failing target and its failure; code is in backticks.
    pub(super) lead: Option<String>,
    /// Since when it holds.
    pub(super) since: Option<SystemTime>,
}

/// First words of a sentence that are lower case after a colon; names keep their capitals.
const ORDINARY_FIRST_WORDS: &[&str] = &[
    "A",
    "An",
    "Another",
    "Every",
    "Fewer",
    "No",
    "Nothing",
    "Some",
    "Something",
    "The",
    "This",
];

/// Returns the headline.
pub(super) fn headline(view: &View<'_>) -> Headline {
    if let Some(root) = headline_root(view) {
        return of_root(view, root);
    }
    match sidecars::worst(view.sidecars) {
        Some(root) => of_sidecar(root),
        None => without_failure(view, view.diagnosis.roots().len()),
    }
}

/// Returns the headline of a failure that only a sidecar reports.
fn of_sidecar(root: &SidecarRootCause) -> Headline {
    Headline {
        tone: Tone::of_severity(root.severity),
        verdict: verdict(root.severity, sidecars::is_intermittent(root)),
        because: after_colon(&sidecars::cause(root)),
        lead: Some("Only the agent's own pod sees this; nothing fails from here.".to_owned()),
        since: root.since.map(SystemTime::from),
    }
}

/// Returns the root cause that the headline is about.
pub(super) fn headline_root<'a>(view: &'a View<'_>) -> Option<&'a Failure> {
    let most_urgent = view.diagnosis.roots().into_iter().next();
    most_urgent.filter(|root| root.severity > Severity::Info)
}

fn of_root(view: &View<'_>, root: &Failure) -> Headline {
    let meaning = first_sentence(root.mode.entry().meaning);
    let summary = alert::covering(root.check, root.mode).map_or(meaning, |alert| alert.summary);
    // The meaning of a network failure does not name the server; the alert does.
    let (because, lead) = if root.mode.family() == Family::Network {
        (summary, meaning)
    } else {
        (meaning, summary)
    };
    let intermittent = root.mode.has(Property::Intermittent);
    Headline {
        tone: Tone::of_severity(root.severity),
        verdict: verdict(root.severity, intermittent),
        because: after_colon(clause(because)),
        lead: match view.failing_target(root) {
            Some((target, mode)) if intermittent || mode.family() == Family::Network => {
                let meaning = after_colon(first_sentence(mode.entry().meaning));
                let target = Evidence::from(target).as_str().replace('`', "'");
                Some(format!("`{target}`: {meaning}"))
            }
            _ => Some(lead.to_owned()).filter(|lead| lead != because),
        },
        since: Some(root.since),
    }
}

/// Returns the headline if nothing fails that the agent needs.
fn without_failure(view: &View<'_>, findings: usize) -> Headline {
    let states = view.check_states;
    let waiting = states.iter().filter(|state| state.latest.is_none()).count();
    let unknown = view.diagnosis.unknown_checks.len();
    let passed = view.count(Status::Ok);
    let of_tone = |tone, verdict, because| Headline {
        tone,
        verdict,
        because,
        lead: None,
        since: None,
    };
    if waiting > 0 {
        let because = format!(
            "{} of {} have a result",
            states.len() - waiting,
            counted(states.len(), "check")
        );
        return of_tone(Tone::Unknown, "Starting", because);
    }
    if unknown > 0 {
        let because = format!("{} without a result", counted(unknown, "check"));
        return of_tone(Tone::Unknown, "No failure found so far", because);
    }
    if passed == 0 {
        let because = "no check applies here".to_owned();
        return of_tone(Tone::Unknown, "Nothing to check", because);
    }
    let mut because = format!("{} passed", counted(passed, "check"));
    if findings > 0 {
        because = format!("{because}; what fails does not concern it");
    }
    Headline {
        since: passing_since(view),
        ..of_tone(Tone::Ok, "The agent can work", because)
    }
}

/// Returns since when every check that passes has done so.
fn passing_since(view: &View<'_>) -> Option<SystemTime> {
    let last_changes = view.history.checks.iter().filter_map(|of| {
        let last = of.changes().next_back()?;
        (last.status == Some(Status::Ok)).then_some(last.at)
    });
    last_changes.max()
}

/// Returns a sentence as it reads after a colon.
fn after_colon(sentence: &str) -> String {
    let (first, rest) = sentence.split_once(' ').unwrap_or((sentence, ""));
    if ORDINARY_FIRST_WORDS.contains(&first) {
        format!("{} {rest}", first.to_lowercase())
    } else {
        sentence.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_capitals_after_a_colon() {
        assert_eq!(after_colon("The role is gone"), "the role is gone");
        assert_eq!(after_colon("EC2 denies it"), "EC2 denies it");
        assert_eq!(
            after_colon("`EKS_REGION` is wrong"),
            "`EKS_REGION` is wrong"
        );
    }
}
