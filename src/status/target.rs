//! One target of a check in the document, with its phases.

use jiff::Timestamp;
use serde::Serialize;

use crate::report::{PhaseOutcome, PhaseTiming, TargetReport};

#[derive(Debug, Serialize)]
pub(super) struct Target {
    #[serde(rename = "target")]
    name: String,
    in_use: bool,
    up: bool,
    mode: Option<&'static str>,
    evidence: String,
    phases: Vec<Phase>,
    pub(super) seconds: f64,
    certificate_not_after: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Phase {
    #[serde(rename = "phase")]
    label: &'static str,
    seconds: f64,
    outcome: &'static str,
}

impl Target {
    pub(super) fn new(report: &TargetReport) -> Self {
        let (up, mode, evidence) = match &report.outcome {
            Ok(evidence) => (true, None, evidence),
            Err(finding) => (false, Some(finding.mode.label()), &finding.evidence),
        };
        let phases: Vec<Phase> = report.phases.iter().map(Phase::new).collect();
        Self {
            name: report.target.clone(),
            in_use: report.in_use,
            up,
            mode,
            evidence: evidence.to_string(),
            seconds: phases.iter().map(|phase| phase.seconds).sum(),
            phases,
            certificate_not_after: report
                .not_after
                .and_then(|at| Timestamp::from_second(at).ok()),
        }
    }
}

impl Phase {
    fn new(time: &PhaseTiming) -> Self {
        let outcome = match time.outcome {
            PhaseOutcome::Done => "done",
            PhaseOutcome::Failed => "failed",
            PhaseOutcome::TimedOut => "timed_out",
        };
        Self {
            label: time.phase.label(),
            seconds: time.duration.as_secs_f64(),
            outcome,
        }
    }
}
