//! The verdict over the agent's address, the DNS name and the addresses behind the service.

use std::net::SocketAddr;

use crate::catalogue::{FailureMode, Family, Situation};
use crate::kube::ApiEndpoint;
use crate::report::{Evidence, Finding, TargetReport, Verdict};

/// Judges by the agent's address; other addresses show failures that the agent meets
/// intermittently.
pub(super) fn judge(
    main: &TargetReport,
    name: &TargetReport,
    others: &[(SocketAddr, TargetReport)],
    endpoint: &ApiEndpoint,
) -> Verdict {
    let failing: Vec<_> = others
        .iter()
        .filter(|(_, target)| has_failed(target))
        .map(|(_, target)| target)
        .collect();
    let some_failing = !failing.is_empty() && failing.len() < others.len();
    // If both fail alike, the service's address was routed to a failed server.
    let routed_there = |finding: &Finding| {
        failing.iter().any(|target| {
            target
                .outcome
                .as_ref()
                .is_err_and(|other| other.mode == finding.mode)
        })
    };
    match &main.outcome {
        Err(finding) if !(some_failing && routed_there(finding)) => {
            Verdict::failing(with_backends(finding, others, &failing))
        }
        outcome if some_failing => {
            let each: Vec<_> = failing
                .iter()
                .filter_map(|target| target.outcome.as_ref().err())
                .map(|finding| format!("{}: {}", finding.mode, finding.evidence))
                .collect();
            let service = if outcome.is_ok() {
                "the service's address reached a healthy one this time"
            } else {
                "the service's address reached a failed one this time"
            };
            let evidence = format!(
                "{} of {} API-server addresses are failing ({service}): {}",
                failing.len(),
                others.len(),
                each.join("; ")
            );
            Verdict::failing(Finding::new(FailureMode::K8sEndpointDown, evidence))
        }
        Err(finding) => Verdict::failing(finding.clone()),
        Ok(evidence) => match &name.outcome {
            Err(finding) => {
                let evidence = format!(
                    "{}, which the agent does not use, is failing: {}",
                    name.target, finding.evidence
                );
                Verdict::Warning(vec![Finding::new(finding.mode, evidence)])
            }
            Ok(_) => Verdict::Ok(Evidence::from(match &endpoint.remark {
                Some(remark) => format!("{evidence}; {remark}"),
                None => evidence.to_string(),
            })),
        },
    }
}

/// Returns whether a target shows that an API server itself failed.
pub(super) fn has_failed(target: &TargetReport) -> bool {
    let finding = target.outcome.as_ref().err();
    finding.is_some_and(|finding| finding.mode.is_apiserver_failure())
}

/// Adds what the addresses behind the service show, which decides the fix.
fn with_backends(
    finding: &Finding,
    others: &[(SocketAddr, TargetReport)],
    failing: &[&TargetReport],
) -> Finding {
    // The other addresses show more than the bytes of a single handshake.
    let is_decided =
        finding.situation.is_some() && finding.mode != FailureMode::TlsHandshakeTimeout;
    if others.is_empty() || is_decided || finding.mode.family() != Family::Network {
        return finding.clone();
    }
    let count = others.len();
    let (result, situation) = if failing.is_empty() {
        (
            format!("all {count} API-server addresses behind the service respond"),
            Some(Situation::ServicePath),
        )
    } else if failing.len() == count {
        (
            format!("all {count} API-server addresses behind the service fail"),
            Some(Situation::AllApiservers),
        )
    } else {
        (
            format!(
                "{} of {count} API-server addresses behind the service fail",
                failing.len()
            ),
            None,
        )
    };
    finding
        .clone()
        .with_evidence(format!(
            "{}; {result} when probed directly",
            finding.evidence
        ))
        .in_situation(situation)
}
