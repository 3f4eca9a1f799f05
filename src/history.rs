//! The changes of each check's status over the last 24 hours, in memory.
//!
//! Invariant: std and facts only, and no foreign text. Its size is bounded: a check keeps at most
//! [`MAX_CHANGES`] changes, each of a few bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::catalogue::{CheckId, FailureMode, Status};
use crate::state::{CheckState, VerdictChange};

/// Time that the history covers.
pub const RETENTION: Duration = Duration::from_hours(24);
/// Maximum number of changes of one check; a check that flaps loses its oldest ones.
pub const MAX_CHANGES: usize = 256;

/// The changes of all checks since this process started.
#[derive(Debug)]
pub struct History {
    began: SystemTime,
    checks: Mutex<Vec<CheckHistory>>,
}

/// A copy of the history for the views.
#[derive(Clone, Debug)]
pub struct HistorySnapshot {
    /// When recording began: at the start of this process.
    pub began: SystemTime,
    /// The checks that ran at some time, in catalogue order.
    pub checks: Vec<CheckHistory>,
}

/// The changes of one check, oldest first; never empty.
#[derive(Clone, Debug)]
pub struct CheckHistory {
    /// The check.
    pub check: CheckId,
    changes: VecDeque<Change>,
}

/// A status that holds from a moment until the next change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// When the status began to hold.
    pub at: SystemTime,
    /// The status; `None` while the check does not run.
    pub status: Option<Status>,
    /// The failure modes behind it.
    pub modes: Box<[FailureMode]>,
}

impl History {
    /// Returns an empty history that begins now.
    pub fn new(now: SystemTime) -> Self {
        Self {
            began: now,
            checks: Mutex::default(),
        }
    }

    /// Records a change of verdict.
    pub fn record(&self, change: &VerdictChange) {
        let report = &change.report;
        let of = Change {
            at: report.at,
            status: Some(report.verdict.status()),
            modes: report.verdict.modes().into(),
        };
        record(&mut self.lock(), change.check, of);
    }

    /// Records which checks run after a reload, and the status in which they begin.
    pub fn replace_checks(&self, check_states: &[CheckState], now: SystemTime) {
        let mut checks = self.lock();
        for check_state in check_states {
            let modes = check_state
                .latest
                .as_ref()
                .map_or_else(Vec::new, |report| report.verdict.modes());
            let change = Change {
                at: now,
                status: Some(check_state.status()),
                modes: modes.into(),
            };
            record(&mut checks, check_state.check, change);
        }
        let runs = |check: CheckId| check_states.iter().any(|state| state.check == check);
        let stopped: Vec<CheckId> = checks
            .iter()
            .map(|of| of.check)
            .filter(|check| !runs(*check))
            .collect();
        for check in stopped {
            let change = Change {
                at: now,
                status: None,
                modes: Box::default(),
            };
            record(&mut checks, check, change);
        }
    }

    /// Returns what happened in the last 24 hours.
    pub fn snapshot(&self, now: SystemTime) -> HistorySnapshot {
        let mut checks = self.lock();
        for of in checks.iter_mut() {
            of.forget_before(now.checked_sub(RETENTION));
        }
        HistorySnapshot {
            began: self.began.min(now),
            checks: checks.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CheckHistory>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn record(checks: &mut Vec<CheckHistory>, check: CheckId, change: Change) {
    match checks.binary_search_by_key(&check, |of| of.check) {
        Ok(at) => checks[at].record(change),
        Err(at) => checks.insert(
            at,
            CheckHistory {
                check,
                changes: VecDeque::from([change]),
            },
        ),
    }
}

impl HistorySnapshot {
    /// Returns the history of a check.
    pub fn of(&self, check: CheckId) -> Option<&CheckHistory> {
        self.checks.iter().find(|of| of.check == check)
    }
}

impl CheckHistory {
    /// Returns the changes, oldest first. The first one may be older than 24 hours: its status
    /// still held then.
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = &Change> + ExactSizeIterator {
        self.changes.iter()
    }

    /// Returns when the history of this check begins.
    pub fn begins(&self) -> Option<SystemTime> {
        self.changes.front().map(|change| change.at)
    }

    fn record(&mut self, change: Change) {
        // The clock was set back: what seems to happen later happened before this.
        for earlier in self.changes.iter_mut().rev() {
            if earlier.at <= change.at {
                break;
            }
            earlier.at = change.at;
        }
        let same = self
            .changes
            .back()
            .is_some_and(|last| last.status == change.status && last.modes == change.modes);
        if same {
            return;
        }
        self.forget_before(change.at.checked_sub(RETENTION));
        if self.changes.len() == MAX_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }

    /// Drops changes before a time, except the last of them, whose status held at that time.
    fn forget_before(&mut self, time: Option<SystemTime>) {
        let is_old = |change: Option<&Change>| change.is_some_and(|change| Some(change.at) <= time);
        while is_old(self.changes.get(1)) {
            self.changes.pop_front();
        }
    }
}
