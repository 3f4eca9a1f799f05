//! Counters of one check since the process started.

use crate::catalogue::metric::PHASE_BUCKETS;
use crate::catalogue::{CheckId, Phase, Status};
use crate::report::{Observation, PhaseOutcome, PhaseTiming, Report};

/// Monotonic counters of one check.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Attempts that tested something.
    pub attempts: u64,
    /// Attempts with a failing verdict.
    pub failures: u64,
    /// Restarts of the agent's containers.
    pub agent_restarts: u64,
    /// Attempts that panicked.
    pub panics: u64,
    /// Attempts during which this process was CPU-throttled or delayed.
    pub self_throttled: u64,
    /// One histogram per measured phase.
    pub phases: Vec<PhaseCount>,
}

/// Histogram of the duration of one phase, over the targets that the agent uses.
///
/// Timeouts count with their full duration; failures before a timeout do not count, so that a dead
/// target does not look fast.
#[derive(Clone, Debug)]
pub struct PhaseCount {
    /// The phase.
    pub phase: Phase,
    /// Observations per bucket of [`PHASE_BUCKETS`], not cumulative; the last is +Inf.
    pub buckets: [u64; PHASE_BUCKETS.len() + 1],
    /// Sum of the observations in seconds.
    pub sum: f64,
}

impl Counts {
    /// Returns zeroed counters.
    pub fn new(check: CheckId) -> Self {
        let phases = check
            .histogram_phases()
            .iter()
            .map(|phase| PhaseCount::new(*phase))
            .collect();
        Self {
            attempts: 0,
            failures: 0,
            agent_restarts: 0,
            panics: 0,
            self_throttled: 0,
            phases,
        }
    }

    /// Records one attempt.
    pub fn record(&mut self, report: &Report) {
        let restarts = report.observations.iter().map(|fact| {
            if let Observation::AgentRestarts(count) = fact {
                *count
            } else {
                0
            }
        });
        self.agent_restarts += restarts.sum::<u64>();
        let status = report.verdict.status();
        if matches!(status, Status::Unknown | Status::NotApplicable) {
            return;
        }
        self.attempts += 1;
        self.failures += u64::from(status == Status::Failing);
        for time in report
            .targets
            .iter()
            .filter(|target| target.in_use)
            .flat_map(|target| &target.phases)
        {
            if let Some(count) = self
                .phases
                .iter_mut()
                .find(|count| count.phase == time.phase)
            {
                count.observe(time);
            }
        }
    }
}

impl PhaseCount {
    fn new(phase: Phase) -> Self {
        Self {
            phase,
            buckets: [0; PHASE_BUCKETS.len() + 1],
            sum: 0.0,
        }
    }

    /// Returns the number of observations.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    fn observe(&mut self, time: &PhaseTiming) {
        if time.outcome == PhaseOutcome::Failed {
            return;
        }
        let seconds = time.duration.as_secs_f64();
        let bucket = PHASE_BUCKETS
            .iter()
            .position(|bound| seconds <= *bound)
            .unwrap_or(PHASE_BUCKETS.len());
        self.buckets[bucket] += 1;
        self.sum += seconds;
    }
}
