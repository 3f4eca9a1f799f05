//! Outcome and duration of each phase of an attempt.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::catalogue::Phase;

/// The outcome of a phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PhaseOutcome {
    /// The phase succeeded.
    Done,
    /// The phase was rejected or broke.
    Failed,
    /// The phase did not finish in time, so its duration is a lower bound.
    TimedOut,
}

/// One phase of one attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhaseTiming {
    /// The phase.
    pub phase: Phase,
    /// The duration, until the timeout if it timed out.
    pub duration: Duration,
    /// The outcome.
    pub outcome: PhaseOutcome,
}

/// Records the phases of an attempt on one target.
///
/// Clones share their records, which therefore outlive a cancelled attempt.
#[derive(Clone, Debug, Default)]
pub struct PhaseTimer(Arc<Mutex<Records>>);

#[derive(Debug, Default)]
struct Records {
    finished: Vec<PhaseTiming>,
    current: Option<(Phase, Instant)>,
    not_after: Option<i64>,
}

impl PhaseTimer {
    /// Starts a phase.
    pub fn begin(&self, phase: Phase) {
        self.with_records(|records| records.current = Some((phase, Instant::now())));
    }

    /// Finishes the current phase and returns its duration.
    pub fn end(&self, outcome: PhaseOutcome) -> Duration {
        self.with_records(|records| {
            let Some((phase, began)) = records.current.take() else {
                return Duration::ZERO;
            };
            let duration = began.elapsed();
            records.finished.push(PhaseTiming {
                phase,
                duration,
                outcome,
            });
            duration
        })
    }

    /// Returns the phase that is running.
    pub fn current_phase(&self) -> Option<Phase> {
        self.with_records(|records| records.current.map(|(phase, _)| phase))
    }

    /// Records the expiry of the presented certificate, in seconds since 1970.
    pub fn record_not_after(&self, not_after: i64) {
        self.with_records(|records| records.not_after = Some(not_after));
    }

    /// Returns the expiry of the presented certificate, in seconds since 1970.
    pub fn not_after(&self) -> Option<i64> {
        self.with_records(|records| records.not_after)
    }

    /// Returns all phases so far. A running phase counts as timed out.
    pub fn phases(&self) -> Vec<PhaseTiming> {
        self.with_records(|records| {
            let current = records.current.map(|(phase, began)| PhaseTiming {
                phase,
                duration: began.elapsed(),
                outcome: PhaseOutcome::TimedOut,
            });
            records.finished.iter().copied().chain(current).collect()
        })
    }

    /// Returns each phase once. Of repeated phases it keeps a timeout over a failure over a
    /// success, then the longest.
    pub fn longest_per_phase(&self) -> Vec<PhaseTiming> {
        let weight = |timing: &PhaseTiming| match timing.outcome {
            PhaseOutcome::TimedOut => (2, timing.duration),
            PhaseOutcome::Failed => (1, timing.duration),
            PhaseOutcome::Done => (0, timing.duration),
        };
        let mut longest: Vec<PhaseTiming> = Vec::new();
        for timing in self.phases() {
            match longest.iter_mut().find(|kept| kept.phase == timing.phase) {
                Some(kept) if weight(kept) < weight(&timing) => *kept = timing,
                Some(_) => {}
                None => longest.push(timing),
            }
        }
        longest
    }

    fn with_records<T>(&self, act: impl FnOnce(&mut Records) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
