//! The views of all vantages, merged: root causes first, with who sees each.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::catalogue::relation::explaining;
use crate::catalogue::{CheckId, FailureMode, Property, Remedy, RemedyValues, Severity, alert};
use crate::doctor::foreign_remedy::vetted;
use crate::doctor::verdict_document::{Label, ModeText, RootCause, VerdictDocument};
use crate::doctor::view::{Place, View};
use crate::report::Evidence;

/// Statuses of a check, worst first; any other word of a newer version counts as unknown.
pub(super) const STATUSES: [&str; 6] = [
    "failing",
    "warning",
    "unknown",
    "ok",
    "not_applicable",
    "skipped",
];

/// The merged views of all vantages.
#[derive(Debug)]
pub struct Findings {
    /// The root causes, most urgent first; of those alike, the one closest to the agent.
    pub roots: Vec<SharedRoot>,
    /// The results of every check that ran anywhere, in catalogue order.
    pub checks: Vec<SharedCheck>,
}

/// A root cause, and who sees it.
#[derive(Clone, Debug)]
pub struct SharedRoot {
    /// The check that shows it.
    pub check: Label,
    /// Its mode.
    pub mode: Label,
    /// Its highest severity at any vantage.
    pub severity: Severity,
    /// Since when it holds at the vantage that saw it first.
    pub since: Option<Timestamp>,
    /// The words of the vantage that is closest to the agent.
    pub text: ModeText,
    /// The fix, in words that are safe to paste.
    pub remedy: Remedy,
    /// The places that see it, the agent's own pod first.
    pub seen_by: Vec<Sighting>,
    /// The checks that fail or are unknown because of it, at any vantage.
    pub also_affected: Vec<Label>,
    /// Whether a check fails because of it; otherwise there are warnings only.
    pub fails: bool,
}

/// The number of views of a place that see something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sighting {
    /// The place.
    pub place: Place,
    /// The pods that see it.
    pub pods: Vec<String>,
    /// Number of views of that place.
    pub of: usize,
}

/// The results of one check.
#[derive(Clone, Debug)]
pub struct SharedCheck {
    /// The check.
    pub id: Label,
    /// Its worst status at each place where it ran.
    pub cells: Vec<Cell>,
    /// The sentence that belongs to the worst status of all.
    pub evidence: Evidence,
}

/// The result of a check at one place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cell {
    /// The place.
    pub place: Place,
    /// The worst status there.
    pub status: &'static str,
    /// Number of views with that status.
    pub count: usize,
    /// Number of views in which the check ran.
    pub of: usize,
}

impl Findings {
    /// Merges the views that have a verdict.
    pub fn merge(views: &[View]) -> Self {
        let mut roots = distinct_roots(views);
        let causes: Vec<Option<usize>> = (0..roots.len())
            .map(|at| cause_elsewhere(&roots, at))
            .collect();
        for (at, cause) in causes.iter().enumerate() {
            if let Some(cause) = cause {
                let consequence = roots[at].clone();
                let cause = &mut roots[*cause];
                cause.also_affected.push(consequence.check);
                cause.also_affected.extend(consequence.also_affected);
                cause.fails |= consequence.fails;
            }
        }
        let mut kept = causes.iter().map(Option::is_none);
        roots.retain(|_| kept.next().unwrap_or(true));
        for root in &mut roots {
            let own = root.check.clone();
            root.also_affected.retain(|check| *check != own);
            root.also_affected.sort_by_key(order);
            root.also_affected.dedup();
        }
        // As an exporter orders them: of those alike, in the order of the catalogue.
        roots.sort_by_cached_key(|root| {
            let place = root.seen_by.first().map(|seen| seen.place);
            let (severity, fails) = (Reverse(root.severity), Reverse(root.fails));
            (
                severity,
                root.is_intermittent(),
                fails,
                place,
                order(&root.check),
            )
        });
        Self {
            roots,
            checks: shared_checks(views),
        }
    }

    /// Returns whether a check has this status.
    pub fn any(&self, status: &str) -> bool {
        self.checks.iter().any(|check| check.status() == status)
    }

    /// Returns the root that a check's failure follows from; `None` if it is a root itself or does
    /// not fail.
    pub fn root_of(&self, check: &Label) -> Option<&SharedRoot> {
        if self.roots.iter().any(|root| root.check == *check) {
            return None;
        }
        let affects = |root: &&SharedRoot| root.also_affected.contains(check);
        self.roots.iter().find(affects)
    }
}

impl SharedCheck {
    /// Returns the worst status at any place. What one place cannot determine, another may.
    pub fn status(&self) -> &'static str {
        let worst = self.cells.iter().map(|cell| cell.status);
        worst
            .min_by_key(|status| rank_among_places(status))
            .unwrap_or("skipped")
    }
}

/// Returns the roots of all views, those alike as one.
fn distinct_roots(views: &[View]) -> Vec<SharedRoot> {
    let mut roots: Vec<SharedRoot> = Vec::new();
    // The words of the vantage closest to the agent come first.
    for place in Place::ALL {
        let here: Vec<_> = verdicts_at(views, *place).collect();
        for (pod, document) in &here {
            for root in &document.root_causes {
                add(&mut roots, root, document, *place, pod, here.len());
            }
        }
    }
    roots
}

fn verdicts_at(views: &[View], place: Place) -> impl Iterator<Item = (&str, &VerdictDocument)> {
    views
        .iter()
        .filter(move |view| view.place == place)
        .filter_map(|view| Some((view.pod.as_str(), view.verdict.as_ref().ok()?)))
}

fn add(
    roots: &mut Vec<SharedRoot>,
    root: &RootCause,
    document: &VerdictDocument,
    place: Place,
    pod: &str,
    of: usize,
) {
    let known = |shared: &SharedRoot| shared.check == root.check && shared.mode == root.mode;
    let at = roots.iter().position(known).unwrap_or_else(|| {
        roots.push(SharedRoot::new(root, document, place));
        roots.len() - 1
    });
    let shared = &mut roots[at];
    shared.severity = shared.severity.max(severity(root));
    shared.since = [shared.since, root.since].into_iter().flatten().min();
    shared.also_affected.extend(root.also_affected.clone());
    let affected = std::iter::once(&root.check).chain(&root.also_affected);
    shared.fails |= affected
        .filter_map(|check| document.check(check))
        .any(|check| check.status.as_str() == "failing");
    match shared.seen_by.iter_mut().find(|seen| seen.place == place) {
        Some(seen) => seen.pods.push(pod.to_owned()),
        None => shared.seen_by.push(Sighting {
            place,
            pods: vec![pod.to_owned()],
            of,
        }),
    }
}

fn severity(root: &RootCause) -> Severity {
    root.severity.unwrap_or(Severity::Warning)
}

impl SharedRoot {
    fn new(root: &RootCause, document: &VerdictDocument, place: Place) -> Self {
        let check = document.check(&root.check);
        let text = check.and_then(|check| check.mode(&root.mode).cloned());
        let lines = text.as_ref().map_or(&[][..], |text| &text.remedy);
        let remedy = match place {
            // This program's own words.
            Place::ThisMachine => Remedy::new(lines.join("\n"), &RemedyValues::default()),
            Place::Sidecar | Place::ShortLivedPod | Place::Companion => {
                vetted(known(&root.check, &root.mode), lines)
            }
        };
        Self {
            remedy,
            check: root.check.clone(),
            mode: root.mode.clone(),
            severity: severity(root),
            since: root.since,
            // The last attempt may show another mode than the one that holds.
            text: text.unwrap_or_else(|| ModeText {
                mode: root.mode.clone(),
                evidence: check
                    .map(|check| check.evidence.clone())
                    .unwrap_or_default(),
                meaning: meaning(&root.mode),
                remedy: Vec::new(),
                runbook: Evidence::default(),
            }),
            seen_by: Vec::new(),
            also_affected: Vec::new(),
            fails: false,
        }
    }

    /// Returns the check and the mode if this program knows both.
    pub fn known(&self) -> Option<(CheckId, FailureMode)> {
        known(&self.check, &self.mode)
    }

    /// Returns whether it affects only some of the agent's requests.
    pub fn is_intermittent(&self) -> bool {
        let known = self.known();
        known.is_some_and(|(_, mode)| mode.has(Property::Intermittent))
    }

    fn is_seen_where(&self, other: &Self) -> bool {
        self.seen_by.iter().any(|seen| {
            let there = other.seen_by.iter().find(|other| other.place == seen.place);
            there.is_some_and(|there| seen.pods.iter().any(|pod| there.pods.contains(pod)))
        })
    }
}

fn known(check: &Label, mode: &Label) -> Option<(CheckId, FailureMode)> {
    let check = CheckId::from_label(check.as_str())?;
    Some((check, FailureMode::from_label(mode.as_str())?))
}

fn meaning(mode: &Label) -> Evidence {
    let known = FailureMode::from_label(mode.as_str());
    known.map_or_else(Evidence::default, |mode| mode.entry().meaning.into())
}

/// Returns the root that explains another, of which no vantage sees both: what is a cause for one
/// vantage may be visible to the other only by its consequence. The alerts leave out the same.
fn cause_elsewhere(roots: &[SharedRoot], at: usize) -> Option<usize> {
    let consequence = &roots[at];
    let (check, mode) = consequence.known()?;
    let visible_elsewhere = alert::for_mode(check, mode)?.explained_by();
    let explains = |cause: &SharedRoot| {
        let Some((cause_check, cause_mode)) = cause.known() else {
            return false;
        };
        visible_elsewhere.contains(&cause_check)
            && !cause.is_seen_where(consequence)
            && explaining(check, mode).any(|relation| {
                relation.cause == cause_check
                    && relation.explains(cause_mode, mode)
                    && (relation.at_any_severity || cause.severity >= consequence.severity)
            })
    };
    roots.iter().position(explains)
}

fn shared_checks(views: &[View]) -> Vec<SharedCheck> {
    let mut ids: Vec<Label> = views
        .iter()
        .filter_map(|view| view.verdict.as_ref().ok())
        .flat_map(|document| document.checks.iter().map(|check| check.id.clone()))
        .collect();
    ids.sort_by_key(order);
    ids.dedup();
    let shared = ids.into_iter().map(|id| {
        let mut worst: Option<(usize, Evidence)> = None;
        let mut cells = Vec::new();
        for place in Place::ALL {
            let results: Vec<_> = verdicts_at(views, *place)
                .filter_map(|(_, document)| document.check(&id))
                .map(|check| (status(check.status.as_str()), &check.evidence))
                .filter(|(status, _)| *status != "skipped")
                .collect();
            let Some((status, evidence)) = results.iter().min_by_key(|(status, _)| rank(status))
            else {
                continue;
            };
            let rank = rank_among_places(status);
            if worst.as_ref().is_none_or(|(worst, _)| rank < *worst) {
                worst = Some((rank, (*evidence).clone()));
            }
            cells.push(Cell {
                place: *place,
                status,
                count: results.iter().filter(|(other, _)| other == status).count(),
                of: results.len(),
            });
        }
        SharedCheck {
            id,
            cells,
            evidence: worst.map(|(_, evidence)| evidence).unwrap_or_default(),
        }
    });
    shared.filter(|check| !check.cells.is_empty()).collect()
}

/// Returns a known status; a word of a newer version counts as unknown.
pub(super) fn status(word: &str) -> &'static str {
    let known = STATUSES.iter().find(|known| **known == word);
    known.copied().unwrap_or("unknown")
}

/// Returns how bad a status is; the worst is 0.
fn rank(status: &str) -> usize {
    let at = STATUSES.iter().position(|known| *known == status);
    at.unwrap_or(STATUSES.len())
}

/// Returns how bad a status is compared with that of another place, where `unknown` says less than
/// `ok`.
fn rank_among_places(status: &str) -> usize {
    match status {
        "ok" => rank("unknown"),
        "unknown" => rank("ok"),
        other => rank(other),
    }
}

/// Returns the position of a check in the catalogue; those of newer versions come last, by name.
fn order(check: &Label) -> (usize, Label) {
    let known = CheckId::from_label(check.as_str());
    let at = known.and_then(|known| CheckId::ALL.iter().position(|check| *check == known));
    (at.unwrap_or(CheckId::ALL.len()), check.clone())
}

#[cfg(test)]
mod tests;
