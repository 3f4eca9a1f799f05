//! The pause between two attempts of a check.

use std::time::Duration;

use crate::catalogue::CheckId;
use crate::state::RecordedAttempt;

/// Longest pause after a change of verdict, so that an episode settles or closes quickly.
const REPROBE_INTERVAL: Duration = Duration::from_secs(5);
/// Time between the starts of two attempts of a check that began to fail, so that a failure which
/// heals before its alert fires (`Alert::for_duration`) is seen to heal in time.
const EARLY_FAILING_INTERVAL: Duration = Duration::from_secs(5);
/// Time for which a check counts as one that began to fail: the shortest `for`, and a minute more.
const EARLY_FAILING_PERIOD: Duration = Duration::from_mins(3);
/// Time between the starts of two attempts afterwards: recovery shows soon, without more load on the
/// target than in good times.
const FAILING_INTERVAL: Duration = Duration::from_secs(15);
/// The same for checks with a long interval, which are rare for a reason: this part of it.
const FAILING_INTERVAL_DIVISOR: u32 = 20;
/// Shortest pause between two attempts of a failing check. An attempt that waits for a timeout holds
/// its failure up to its end, so the next one begins at once.
const MIN_FAILING_PAUSE: Duration = Duration::from_secs(1);
/// Pause between a change of a related check and the next attempt, so that several changes at once
/// cause one attempt.
const NEIGHBOUR_PAUSE: Duration = Duration::from_secs(1);
/// Shortest time between the starts of two attempts that probe a target, if a related check caused
/// the second, so that flapping checks cause no storm of requests.
const MIN_PROBE_SPACING: Duration = Duration::from_secs(5);

/// The pauses between the attempts of one check.
#[derive(Debug)]
pub(super) struct Pacing {
    is_derived: bool,
    interval: Duration,
    pause: Duration,
    failing_for: Duration,
}

impl Pacing {
    /// Starts with the first attempt.
    pub(super) fn new(check: CheckId, interval: Duration) -> Self {
        Self {
            is_derived: check.entry().is_derived(),
            interval,
            pause: REPROBE_INTERVAL,
            failing_for: Duration::ZERO,
        }
    }

    /// Returns the pause after an attempt that took a time.
    pub(super) fn pause_after(&mut self, recorded: &RecordedAttempt, took: Duration) -> Duration {
        let pause = if recorded.change.is_some() {
            REPROBE_INTERVAL
        } else if recorded.unknown {
            // Doubles, so that a first attempt during startup does not last for a long interval.
            self.pause * 2
        } else if recorded.failing {
            self.failing_interval()
                .max(self.interval / FAILING_INTERVAL_DIVISOR)
                .saturating_sub(took)
                .max(MIN_FAILING_PAUSE)
        } else {
            self.interval
        };
        self.pause = pause.min(self.interval);
        self.failing_for = if recorded.failing {
            self.failing_for + took + self.pause
        } else {
            Duration::ZERO
        };
        self.pause
    }

    fn failing_interval(&self) -> Duration {
        if self.failing_for < EARLY_FAILING_PERIOD {
            EARLY_FAILING_INTERVAL
        } else {
            FAILING_INTERVAL
        }
    }

    /// Returns the pause after a change of a related check, a time after the last attempt began.
    pub(super) fn pause_after_neighbour(&self, since_began: Duration) -> Duration {
        if self.is_derived {
            return NEIGHBOUR_PAUSE;
        }
        MIN_PROBE_SPACING
            .min(self.interval)
            .saturating_sub(since_began)
            .max(NEIGHBOUR_PAUSE)
    }
}
