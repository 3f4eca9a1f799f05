//! Diagnosis: from the states of all checks to the failures that hold now, each with its severity
//! and its cause.
//!
//! Invariant: pure functions of the states; no clock and no I/O. The views show what this decides.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use crate::catalogue::relation::{blocking, explaining};
use crate::catalogue::{CheckId, FailureMode, Need, Property, Relation, Scope, Severity, Status};
use crate::config::Vantage;
use crate::report::Observation;
use crate::state::CheckState;

/// Intervals without an attempt after which a check has stalled, and the shortest such time.
const STALLED_AFTER: (u32, Duration) = (10, Duration::from_mins(15));

/// A failure that holds now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The check that shows it.
    pub check: CheckId,
    /// Its mode.
    pub mode: FailureMode,
    /// Its urgency.
    pub severity: Severity,
    /// The check whose failure explains this one; `None` for a root cause.
    pub caused_by: Option<CheckId>,
    /// When the check stopped being `ok`.
    pub since: SystemTime,
}

/// A failure of one of CAST AI's other components.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ComponentFailure {
    /// The value of the label `component`.
    pub component: &'static str,
    /// The failure as the check `components` shows it.
    pub failure: Failure,
}

/// A check that is `unknown` although the agent needs what it tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownCheck {
    /// The check.
    pub check: CheckId,
    /// The check whose failure blocks it.
    pub caused_by: Option<CheckId>,
}

/// The failures that hold now, with their causes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Diagnosis {
    /// The failures, in catalogue order of their checks.
    pub failures: Vec<Failure>,
    /// The failures of other components.
    pub component_failures: Vec<ComponentFailure>,
    /// The checks without a result.
    pub unknown_checks: Vec<UnknownCheck>,
    /// The checks that have stopped running.
    pub stalled_checks: Vec<CheckId>,
}

impl Diagnosis {
    /// Diagnoses the states of all checks of an exporter with this vantage.
    pub fn new(check_states: &[CheckState], vantage: Vantage) -> Self {
        let mut failures = failures_without_cause(check_states, vantage);
        let causes: Vec<_> = failures
            .iter()
            .map(|failure| cause_of(failure, &failures, check_states))
            .collect();
        for (failure, cause) in failures.iter_mut().zip(causes) {
            failure.caused_by = cause;
        }
        Self {
            component_failures: component_failures(check_states, &failures),
            unknown_checks: unknown_checks(check_states),
            stalled_checks: stalled_checks(check_states),
            failures,
        }
    }

    /// Returns the root causes, most urgent first; of those alike, one that affects all requests
    /// precedes one that affects some.
    pub fn roots(&self) -> Vec<&Failure> {
        let mut roots: Vec<_> = self
            .failures
            .iter()
            .filter(|failure| failure.caused_by.is_none())
            .collect();
        roots.sort_by_key(|failure| {
            let intermittent = failure.mode.has(Property::Intermittent);
            (Reverse(failure.severity), intermittent)
        });
        roots
    }

    /// Returns the checks that show a root cause, most urgent first.
    pub fn root_checks(&self) -> Vec<CheckId> {
        let mut checks = Vec::new();
        for root in self.roots() {
            if !checks.contains(&root.check) {
                checks.push(root.check);
            }
        }
        checks
    }

    /// Returns the failures of a check.
    pub fn of(&self, check: CheckId) -> impl Iterator<Item = &Failure> {
        self.failures
            .iter()
            .filter(move |failure| failure.check == check)
    }

    /// Returns the highest severity of a check's failures; `None` if it has none.
    pub fn severity_of(&self, check: CheckId) -> Option<Severity> {
        self.of(check).map(|failure| failure.severity).max()
    }

    /// Returns the root that explains a check's failures or keeps it from being tested; `None` if
    /// the check is a root itself or is not affected.
    pub fn root_of(&self, check: CheckId) -> Option<CheckId> {
        // A check that shows a root cause is a root, whatever else it shows.
        let direct = |check: CheckId| {
            let failing = self.of(check).map(|failure| failure.caused_by).min();
            let unknown = self
                .unknown_checks
                .iter()
                .find(|unknown| unknown.check == check)
                .map(|unknown| unknown.caused_by);
            failing.or(unknown).flatten()
        };
        let mut root = direct(check)?;
        // The relations are acyclic, so this ends.
        while let Some(cause) = direct(root) {
            root = cause;
        }
        Some(root)
    }

    /// Returns the checks that fail or are unknown because of a root, in catalogue order.
    pub fn affected_by(&self, root: CheckId) -> Vec<CheckId> {
        let failing = self.failures.iter().map(|failure| failure.check);
        let unknown = self.unknown_checks.iter().map(|unknown| unknown.check);
        let mut affected: Vec<CheckId> = failing
            .chain(unknown)
            .filter(|check| self.root_of(*check) == Some(root))
            .collect();
        affected.sort_unstable();
        affected.dedup();
        affected
    }
}

fn failures_without_cause(check_states: &[CheckState], vantage: Vantage) -> Vec<Failure> {
    let stands_in = vantage == Vantage::Companion && all_agent_pods_have_sidecars(check_states);
    let states = check_states.iter();
    let failures = states.flat_map(|check_state| {
        let stable = &check_state.stable_modes;
        stable.modes().iter().map(move |mode| Failure {
            check: check_state.check,
            mode: *mode,
            severity: severity(check_state, *mode, stands_in),
            caused_by: None,
            since: stable.since().unwrap_or(SystemTime::UNIX_EPOCH),
        })
    });
    failures.collect()
}

fn severity(check_state: &CheckState, mode: FailureMode, stands_in: bool) -> Severity {
    // Agent pods with a sidecar report what they meet themselves.
    let is_reported_there =
        check_state.check.entry().scope == Scope::Pod && !mode.has(Property::AcrossPods);
    match check_state.need {
        _ if stands_in && is_reported_there => Severity::Info,
        Need::None => Severity::Info,
        Need::Start if check_state.stable_modes.is_failing() => Severity::Critical,
        Need::Start | Need::Feature => Severity::Warning,
    }
}

/// Returns whether each pod of the agent has a sidecar.
fn all_agent_pods_have_sidecars(check_states: &[CheckState]) -> bool {
    let pods = |exporter: &str| {
        observations(check_states)
            .filter_map(|observation| match observation {
                Observation::AgentPods(in_pod, count) if *in_pod == exporter => Some(*count),
                _ => None,
            })
            .sum::<u32>()
    };
    pods("present") > 0 && pods("missing") == 0
}

fn observations(check_states: &[CheckState]) -> impl Iterator<Item = &Observation> {
    check_states
        .iter()
        .filter_map(|check_state| check_state.latest.as_ref())
        .flat_map(|report| &report.observations)
}

/// Returns the check whose failure explains another: of all that do, the most severe one, and of
/// several alike the first in the table.
fn cause_of(
    failure: &Failure,
    failures: &[Failure],
    check_states: &[CheckState],
) -> Option<CheckId> {
    let severity_of = |relation: &Relation| {
        let causes = failures.iter().filter(|cause| {
            cause.check == relation.cause
                && relation.explains(cause.mode, failure.mode)
                && (relation.at_any_severity || cause.severity >= failure.severity)
        });
        causes.map(|cause| cause.severity).max()
    };
    let mut explained: Option<(Severity, CheckId)> = None;
    for relation in explaining(failure.check, failure.mode) {
        let severity = severity_of(relation);
        if severity > explained.map(|(severity, _)| severity) {
            explained = severity.map(|severity| (severity, relation.cause));
        }
    }
    explained.map(|(_, cause)| cause).or_else(|| {
        // The failure is kept from before the check became unknown.
        let kept = check_states.iter().any(|check_state| {
            check_state.check == failure.check && check_state.status() == Status::Unknown
        });
        blocker_of(failure.check, check_states).filter(|_| kept)
    })
}

/// Returns the check whose failure blocks another; a warning blocks none.
fn blocker_of(check: CheckId, check_states: &[CheckState]) -> Option<CheckId> {
    let holds = |relation: &&Relation| {
        check_states.iter().any(|cause| {
            let stable = &cause.stable_modes;
            let mut modes = stable.modes().iter();
            cause.check == relation.cause
                && stable.is_failing()
                && modes.any(|mode| relation.modes.contains(mode))
        })
    };
    blocking(check).find(holds).map(|relation| relation.cause)
}

fn component_failures(check_states: &[CheckState], failures: &[Failure]) -> Vec<ComponentFailure> {
    observations(check_states)
        .filter_map(|observation| {
            let Observation::ComponentFailure(component, mode) = observation else {
                return None;
            };
            let mut of_components = failures
                .iter()
                .filter(|failure| failure.check == CheckId::Components);
            // The latest attempt may show a mode that has not settled yet.
            let failure = of_components.find(|failure| failure.mode == *mode)?;
            Some(ComponentFailure {
                component,
                failure: *failure,
            })
        })
        .collect()
}

/// Returns the checks that show a result although their last attempt is old. It is compared with
/// those of the other checks, so that no clock is needed.
fn stalled_checks(check_states: &[CheckState]) -> Vec<CheckId> {
    let attempts = check_states.iter().filter_map(|state| state.last_attempt);
    let Some(newest) = attempts.max() else {
        return Vec::new();
    };
    let is_stalled = |state: &&CheckState| {
        let (intervals, shortest) = STALLED_AFTER;
        let age = state
            .last_attempt
            .and_then(|attempt| newest.duration_since(attempt).ok());
        let has_result = !matches!(state.status(), Status::Unknown | Status::NotApplicable);
        has_result && age.is_some_and(|age| age > shortest.max(state.interval * intervals))
    };
    let stalled = check_states.iter().filter(is_stalled);
    stalled.map(|state| state.check).collect()
}

fn unknown_checks(check_states: &[CheckState]) -> Vec<UnknownCheck> {
    check_states
        .iter()
        .filter(|check_state| {
            check_state.need != Need::None && check_state.status() == Status::Unknown
        })
        .map(|check_state| UnknownCheck {
            check: check_state.check,
            caused_by: blocker_of(check_state.check, check_states),
        })
        .collect()
}
