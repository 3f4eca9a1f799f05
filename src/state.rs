//! The latest verdict, episode and counters of every check.
//!
//! Invariant: std and facts only. It knows neither the scheduler nor the views.

pub mod counts;
pub mod stable_modes;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

pub use counts::{Counts, PhaseCount};
pub use stable_modes::{Episode, StableModes};

use crate::catalogue::{CheckId, FailureMode, Need, Status};
use crate::report::{Evidence, LatestReports, Report, Verdict};

/// State of one check.
#[derive(Clone, Debug)]
pub struct CheckState {
    /// The check.
    pub check: CheckId,
    /// The agent's need for it.
    pub need: Need,
    /// Time between two attempts.
    pub interval: Duration,
    /// Hash of the settings that the check tests; it changes when they do.
    pub subject: u64,
    /// The latest report; `None` before the first verdict.
    pub latest: Option<Arc<Report>>,
    /// The modes that hold, smoothed over the episode.
    pub stable_modes: StableModes,
    /// Counters since the process started.
    pub counts: Counts,
    /// When the latest attempt that tested something finished.
    pub last_attempt: Option<SystemTime>,
    /// When the verdict was last `ok` or `warning`.
    pub last_success: Option<SystemTime>,
    /// When the next attempt is due; in the past while it runs, `None` if none is planned.
    pub next_attempt: Option<SystemTime>,
}

/// Identity and settings of a check to be tracked.
#[derive(Clone, Copy, Debug)]
pub struct CheckSpec {
    /// The check.
    pub check: CheckId,
    /// The agent's need for it.
    pub need: Need,
    /// Time between two attempts.
    pub interval: Duration,
    /// Hash of the settings that the check tests; it changes when they do.
    pub subject: u64,
}

/// Outcome of one attempt.
#[derive(Debug)]
pub struct AttemptResult {
    /// The check's report.
    pub report: Report,
    /// Whether this process was CPU-throttled or delayed during the attempt.
    pub self_throttled: bool,
    /// Whether the check's code panicked; the report says so.
    pub panicked: bool,
}

/// Effect of a recorded attempt.
#[derive(Clone, Debug, Default)]
pub struct RecordedAttempt {
    /// The change of verdict, if there was one.
    pub change: Option<VerdictChange>,
    /// Whether the verdict is `unknown`.
    pub unknown: bool,
    /// Whether the verdict is `failing`.
    pub failing: bool,
    /// Whether its timeout was attributed to this process, so that it proves nothing.
    pub suppressed: bool,
}

/// A verdict that differs from the previous one.
#[derive(Clone, Debug)]
pub struct VerdictChange {
    /// The check.
    pub check: CheckId,
    /// The previous status; `None` for the first verdict.
    pub before: Option<Status>,
    /// The new report.
    pub report: Arc<Report>,
    /// The modes that hold now, smoothed over the episode.
    pub stable_modes: Vec<FailureMode>,
}

/// The states of all checks, in catalogue order.
#[derive(Debug)]
pub struct HealthState {
    check_states: Mutex<Vec<CheckState>>,
}

impl HealthState {
    /// Returns the state before any attempt.
    pub fn new(check_specs: &[CheckSpec]) -> Self {
        Self {
            check_states: Mutex::new(check_specs.iter().map(CheckState::new).collect()),
        }
    }

    /// Replaces the list of checks after a reload. A check with unchanged settings keeps its state;
    /// one with new settings keeps only its counters.
    pub fn replace_checks(&self, check_specs: &[CheckSpec]) {
        let mut check_states = self.lock();
        let kept = std::mem::take(&mut *check_states);
        *check_states = check_specs
            .iter()
            .map(|entry| {
                match kept
                    .iter()
                    .find(|check_state| check_state.check == entry.check)
                {
                    Some(check_state) if check_state.subject == entry.subject => CheckState {
                        need: entry.need,
                        interval: entry.interval,
                        next_attempt: None,
                        ..check_state.clone()
                    },
                    Some(check_state) => CheckState {
                        counts: check_state.counts.clone(),
                        ..CheckState::new(entry)
                    },
                    None => CheckState::new(entry),
                }
            })
            .collect();
    }

    /// Records the result of an attempt.
    pub fn record(&self, check: CheckId, result: AttemptResult) -> RecordedAttempt {
        let mut check_states = self.lock();
        let check_state = check_states
            .iter_mut()
            .find(|check_state| check_state.check == check);
        check_state
            .map(|check_state| check_state.record(result))
            .unwrap_or_default()
    }

    /// Records when the next attempt of a check is due.
    pub fn plan_next_attempt(&self, check: CheckId, due: SystemTime) {
        let mut check_states = self.lock();
        if let Some(state) = check_states.iter_mut().find(|state| state.check == check) {
            state.next_attempt = Some(due);
        }
    }

    /// Returns a snapshot for the views.
    pub fn check_states(&self) -> Vec<CheckState> {
        self.lock().clone()
    }

    /// Returns the latest reports, for checks that depend on other checks.
    pub fn peers(&self) -> LatestReports {
        let latest = |check_state: &CheckState| {
            check_state
                .latest
                .clone()
                .map(|report| (check_state.check, report))
        };
        LatestReports::new(self.lock().iter().filter_map(latest).collect())
    }

    /// Returns the checks without a verdict so far.
    pub fn waiting(&self) -> Vec<CheckId> {
        self.lock()
            .iter()
            .filter(|check_state| check_state.latest.is_none())
            .map(|check_state| check_state.check)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CheckState>> {
        self.check_states
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl CheckState {
    fn new(entry: &CheckSpec) -> Self {
        Self {
            check: entry.check,
            need: entry.need,
            interval: entry.interval,
            subject: entry.subject,
            latest: None,
            stable_modes: StableModes::default(),
            counts: Counts::new(entry.check),
            last_attempt: None,
            last_success: None,
            next_attempt: None,
        }
    }

    /// Returns the status of the latest verdict; `unknown` before the first.
    pub fn status(&self) -> Status {
        self.latest
            .as_ref()
            .map_or(Status::Unknown, |report| report.verdict.status())
    }

    fn record(&mut self, result: AttemptResult) -> RecordedAttempt {
        let AttemptResult {
            mut report,
            self_throttled,
            panicked,
        } = result;
        self.counts.self_throttled += u64::from(self_throttled);
        self.counts.panics += u64::from(panicked);
        let suppressed = self_throttled && self.stable_modes.suppresses(&report.verdict);
        if suppressed {
            report.verdict = Verdict::Unknown(Evidence::from(format!(
                "this container was throttled or late itself, so that this time-out proves nothing: {}",
                report.verdict.evidence()
            )));
        }
        self.counts.record(&report);
        self.stable_modes.record(&report);
        match report.verdict.status() {
            Status::Ok | Status::Warning => self.last_success = Some(report.at),
            Status::Failing | Status::Unknown | Status::NotApplicable => {}
        }
        if !matches!(
            report.verdict.status(),
            Status::Unknown | Status::NotApplicable
        ) {
            self.last_attempt = Some(report.at);
        }
        let report = Arc::new(report);
        let before = self.latest.replace(Arc::clone(&report));
        let same = before.as_ref().is_some_and(|before| {
            before.verdict.status() == report.verdict.status()
                && before.verdict.modes() == report.verdict.modes()
        });
        let before = before.map(|before| before.verdict.status());
        let status = report.verdict.status();
        let change = VerdictChange {
            check: self.check,
            before,
            report,
            stable_modes: self.stable_modes.modes().to_vec(),
        };
        RecordedAttempt {
            change: Some(change).filter(|_| !same),
            unknown: status == Status::Unknown,
            failing: status == Status::Failing,
            suppressed,
        }
    }
}
