//! What the checks that go somewhere have in common.

use crate::catalogue::FailureMode;
use crate::catalogue::FailureMode as M;
use crate::catalogue::Limits;
use crate::catalogue::Phase;
use crate::verdict::Ended;
use crate::verdict::Evidence;
use crate::verdict::Finding;
use crate::verdict::PhaseTime;
use crate::verdict::TargetReport;
use crate::verdict::Trail;

/// Whether a mode is trouble on the way: no answer of the target was seen.
pub fn is_transport(mode: FailureMode) -> bool {
    let label = mode.label();
    ["net_", "tls_", "proxy_", "http_"].iter().any(|prefix| label.starts_with(prefix))
}

/// Whether a mode is trouble of one API server rather than of all.
pub fn is_server_trouble(mode: FailureMode) -> bool {
    matches!(mode, M::K8sServerError | M::K8sEtcdError | M::K8sUnexpectedBody | M::K8sSlow | M::K8sThrottled)
}

/// A target's report; a phase that was walked twice counts with its longest time.
pub fn target(name: String, in_use: bool, outcome: Result<Evidence, Finding>, trail: &Trail) -> TargetReport {
    let mut phases: Vec<PhaseTime> = Vec::new();
    for time in trail.phases() {
        match phases.iter_mut().find(|seen| seen.phase == time.phase) {
            Some(seen) if seen.took < time.took || seen.ended == Ended::Done => *seen = longer(*seen, time),
            Some(_) => {}
            None => phases.push(time),
        }
    }
    TargetReport { target: name, in_use, outcome, phases, not_after: trail.not_after() }
}

fn longer(one: PhaseTime, other: PhaseTime) -> PhaseTime {
    if other.took >= one.took || other.ended != Ended::Done { other } else { one }
}

/// Everything was answered: in the agent's time as well?
pub fn in_time(limits: &Limits, trail: &Trail, slow: FailureMode, evidence: Evidence) -> Result<Evidence, Finding> {
    let late = trail.phases().into_iter().find(|time| time.took > limits.of(time.phase));
    match late {
        None => Ok(evidence),
        Some(PhaseTime { phase, took, .. }) => {
            let limit = limits.of(phase);
            let what = match phase {
                Phase::Resolve => "resolving the name",
                Phase::Connect => "connecting",
                Phase::Proxy => "the proxy's answer",
                Phase::Tls => "the TLS handshake",
                Phase::Request => "the answer",
            };
            let took = took.as_secs_f64();
            Err(Finding::new(slow, format!("{what} took {took:.1} s, and the agent waits {limit:?}; {evidence}")))
        }
    }
}
