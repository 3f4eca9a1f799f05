//! The verdict on an agent that responds.

use crate::agent::leader_lease::LeaderLease;
use crate::catalogue::{FailureMode as M, Situation};
use crate::checks::agent_health::metrics::{AgentMetrics, Counters};
use crate::classify::{TextKind, classify};
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, Verdict};

/// The time after its start during which an agent may be unready, in seconds. Healthy agents take
/// 36.
pub(super) const STARTUP_SECONDS: f64 = 90.0;

/// Judges an agent that returns ok by its Lease and counters.
pub(super) fn judge(
    health: &str,
    metrics: Option<&AgentMetrics>,
    increase: Option<&Counters>,
    refused: Option<Finding>,
    lease: &LeaderLease,
) -> Verdict {
    if let Some(finding) = lease.finding() {
        let evidence = format!("{health}, but {}", finding.evidence);
        let leads = metrics.and_then(|metrics| metrics.leads);
        let situation = match (finding.mode, leads) {
            (M::AgentLeaseStale, Some(true)) => Some(Situation::SilentLeader),
            (M::AgentLeaseStale, Some(false)) => Some(Situation::WaitingFollower),
            _ => finding.situation,
        };
        return Verdict::failing(finding.with_evidence(evidence).in_situation(situation));
    }
    if let Some(finding) = increase.and_then(Counters::finding).or(refused) {
        let evidence = format!("{health}, but {}", finding.evidence);
        return Verdict::Warning(vec![finding.with_evidence(evidence)]);
    }
    let role = match metrics.and_then(|metrics| metrics.leads) {
        Some(true) => "; this agent is the leader",
        Some(false) => {
            "; this agent is a follower, so this does not prove that snapshots are delivered"
        }
        None => "",
    };
    let sends = increase
        .and_then(Counters::mean_send)
        .map_or_else(String::new, |seconds| {
            format!("; sending a delta took {seconds:.2} s on average, successful or not")
        });
    Verdict::Ok(Evidence::from(format!("{health}{role}{sends}; {lease}")))
}

/// Builds the finding for a response that no agent sends.
pub(super) fn port_taken(port: u16, context: &str, status: u16, body: &str) -> Finding {
    let body = quote(body.as_bytes());
    let evidence = format!(
        "another server listens on the agent's health port {port}: {context} {status} {body}"
    );
    Finding::new(M::AgentPortTaken, evidence)
}

/// Judges an unhealthy response.
pub(super) fn unhealthy(path: &str, status: u16, body: &str, starting: bool) -> Verdict {
    let evidence = format!("{path} returned {status} {}", quote(body.as_bytes()));
    if classify(Some(TextKind::AgentLog), body).mode() != Some(M::AgentNotReadyInitialising) {
        return Verdict::failing(Finding::new(M::AgentUnhealthy, evidence));
    }
    if starting {
        let evidence = format!(
            "{evidence}; the agent started less than {STARTUP_SECONDS} s ago, and healthy agents \
             take 36 s to become ready"
        );
        return Verdict::Warning(vec![Finding::new(M::AgentNotReadyInitialising, evidence)]);
    }
    Verdict::failing(Finding::new(M::AgentNotReadyInitialising, evidence))
}
