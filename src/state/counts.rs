//! Running counts of one check since the start of the process.

use crate::catalogue::metric::PHASE_BUCKETS;
use crate::catalogue::{CheckId, Phase, Status};
use crate::report::{Ended, Fact, PhaseTime, Report};

/// What only grows.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Attempts that examined something.
    pub attempts: u64,
    /// Those that found it failing.
    pub failures: u64,
    /// Restarts of the agent's containers.
    pub agent_restarts: u64,
    /// Attempts that ended in a panic.
    pub panics: u64,
    /// Attempts during which this process was throttled or late.
    pub disturbed: u64,
    /// One histogram per phase that is measured.
    pub phases: Vec<PhaseCount>,
}

/// How long a phase took on the way to the targets that the agent uses.
///
/// Time-outs are observed with the time they took; quick failures are not, so that a dead target does not look fast.
#[derive(Clone, Debug)]
pub struct PhaseCount {
    /// Which phase.
    pub phase: Phase,
    /// Observations per bucket of [`PHASE_BUCKETS`], not cumulative; the last is beyond them all.
    pub buckets: [u64; PHASE_BUCKETS.len() + 1],
    /// Sum of the observations in seconds.
    pub sum: f64,
}

impl Counts {
    /// Nothing yet.
    pub fn new(check: CheckId) -> Self {
        let phases = check
            .measured()
            .iter()
            .map(|phase| PhaseCount::new(*phase))
            .collect();
        Self {
            attempts: 0,
            failures: 0,
            agent_restarts: 0,
            panics: 0,
            disturbed: 0,
            phases,
        }
    }

    /// Takes in one attempt.
    pub fn take(&mut self, report: &Report) {
        let restarts = report.facts.iter().map(|fact| {
            if let Fact::AgentRestarts(count) = fact {
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

    /// How many observations there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    fn observe(&mut self, time: &PhaseTime) {
        if time.ended == Ended::Failed {
            return;
        }
        let seconds = time.took.as_secs_f64();
        let bucket = PHASE_BUCKETS
            .iter()
            .position(|bound| seconds <= *bound)
            .unwrap_or(PHASE_BUCKETS.len());
        self.buckets[bucket] += 1;
        self.sum += seconds;
    }
}
