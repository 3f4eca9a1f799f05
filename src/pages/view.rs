//! The snapshots that the status page shows, and what is looked up in them more than once.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use crate::catalogue::{CheckId, FailureMode, Property, Status};
use crate::diagnosis::{Diagnosis, Failure};
use crate::doctor::Sidecars;
use crate::exporter::Exporter;
use crate::history::HistorySnapshot;
use crate::report::{Finding, Report};
use crate::state::CheckState;

/// The snapshots behind the status page.
pub(super) struct View<'a> {
    pub(super) check_states: &'a [CheckState],
    pub(super) exporter: &'a Exporter,
    pub(super) history: &'a HistorySnapshot,
    /// The sidecars, on the page of a companion.
    pub(super) sidecars: Option<&'a Sidecars>,
    pub(super) diagnosis: Diagnosis,
    pub(super) now: SystemTime,
}

impl View<'_> {
    /// Returns the state of a check that runs.
    pub(super) fn state(&self, check: CheckId) -> Option<&CheckState> {
        self.check_states.iter().find(|state| state.check == check)
    }

    /// Returns the number of checks with this status; before the first verdict a check has none.
    pub(super) fn count(&self, status: Status) -> usize {
        let with_verdict = self
            .check_states
            .iter()
            .filter(|state| state.latest.is_some());
        with_verdict
            .filter(|state| state.status() == status)
            .count()
    }

    /// Returns the finding of the last attempt that shows a failure.
    pub(super) fn finding(&self, failure: &Failure) -> Option<&Finding> {
        let report = self.state(failure.check)?.latest.as_deref()?;
        let mut findings = report.verdict.findings().iter();
        findings.find(|finding| finding.mode == failure.mode)
    }

    /// Returns the target that shows a failure in the last attempt, and its mode: the one that the
    /// agent uses if it fails alike. Of an intermittent failure, it is one of the failing servers.
    pub(super) fn failing_target(&self, failure: &Failure) -> Option<(&str, FailureMode)> {
        let report = self.state(failure.check)?.latest.as_deref()?;
        let mut failing = report.targets.iter().filter_map(|target| {
            let mode = target.outcome.as_ref().err()?.mode;
            let is_shown = if failure.mode.has(Property::Intermittent) {
                // The addresses behind a service; a name leads to any of them.
                let is_address = target.target.parse::<SocketAddr>().is_ok();
                is_address && !target.in_use && mode.is_apiserver_failure()
            } else {
                mode == failure.mode
            };
            is_shown.then_some((target, mode))
        });
        let first = failing.next()?;
        let (target, mode) = if first.0.in_use {
            first
        } else {
            failing.find(|(target, _)| target.in_use).unwrap_or(first)
        };
        Some((&target.target, mode))
    }
}

/// Returns the duration of an attempt: that of the slowest target that the agent uses, because
/// targets are tested in parallel.
pub(super) fn latency(report: &Report) -> Option<Duration> {
    let used = report.targets.iter().filter(|target| target.in_use);
    let measured = used.filter(|target| !target.phases.is_empty());
    measured
        .map(|target| target.phases.iter().map(|phase| phase.duration).sum())
        .max()
}
