//! How far an attempt got, and how long each phase took.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::catalogue::Phase;

/// How a phase ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// It did what it should.
    Done,
    /// It was refused or broken, quickly or not.
    Failed,
    /// It had not finished when its time was up: the duration is a lower bound.
    TimedOut,
}

/// One phase of one attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhaseTime {
    /// Which.
    pub phase: Phase,
    /// How long it took, or had taken when it was given up.
    pub took: Duration,
    /// How it ended.
    pub ended: Ended,
}

/// The phases of one target's attempt so far.
///
/// A handle: what was learnt stays when a deadline cancels the attempt itself.
#[derive(Clone, Debug, Default)]
pub struct Trail(Arc<Mutex<Steps>>);

#[derive(Debug, Default)]
struct Steps {
    done: Vec<PhaseTime>,
    open: Option<(Phase, Instant)>,
    not_after: Option<i64>,
}

impl Trail {
    /// Begins a phase.
    pub fn begin(&self, phase: Phase) {
        self.steps(|steps| steps.open = Some((phase, Instant::now())));
    }

    /// Ends the phase that is open; says how long it took.
    pub fn end(&self, ended: Ended) -> Duration {
        self.steps(|steps| {
            let Some((phase, began)) = steps.open.take() else {
                return Duration::ZERO;
            };
            let took = began.elapsed();
            steps.done.push(PhaseTime { phase, took, ended });
            took
        })
    }

    /// The phase that is open.
    pub fn open(&self) -> Option<Phase> {
        self.steps(|steps| steps.open.map(|(phase, _)| phase))
    }

    /// Notes when the presented certificate ends, in seconds since 1970.
    pub fn note_not_after(&self, not_after: i64) {
        self.steps(|steps| steps.not_after = Some(not_after));
    }

    /// When the presented certificate ends, when one was seen.
    pub fn not_after(&self) -> Option<i64> {
        self.steps(|steps| steps.not_after)
    }

    /// The phases so far; one that is open counts as timed out with the time it has taken.
    pub fn phases(&self) -> Vec<PhaseTime> {
        self.steps(|steps| {
            let open = steps.open.map(|(phase, began)| PhaseTime {
                phase,
                took: began.elapsed(),
                ended: Ended::TimedOut,
            });
            steps.done.iter().copied().chain(open).collect()
        })
    }

    /// The same with each phase once: one that was walked twice counts with the time that says most, a time-out before a
    /// failure before the longest.
    pub fn longest(&self) -> Vec<PhaseTime> {
        let weight = |time: &PhaseTime| match time.ended {
            Ended::TimedOut => (2, time.took),
            Ended::Failed => (1, time.took),
            Ended::Done => (0, time.took),
        };
        let mut once: Vec<PhaseTime> = Vec::new();
        for time in self.phases() {
            match once.iter_mut().find(|seen| seen.phase == time.phase) {
                Some(seen) if weight(seen) < weight(&time) => *seen = time,
                Some(_) => {}
                None => once.push(time),
            }
        }
        once
    }

    fn steps<T>(&self, act: impl FnOnce(&mut Steps) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
