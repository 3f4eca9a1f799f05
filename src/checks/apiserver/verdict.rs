//! The verdict over the agent's address, the DNS name and the addresses behind the service.

use std::net::SocketAddr;

use crate::catalogue::{Category, FailureMode, Family};
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
        .filter(|(_, target)| is_server_failure(target))
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
        Err(finding) if !(some_failing && routed_there(finding)) => Verdict::failing(Finding::new(
            finding.mode,
            with_backends(finding, others, &failing),
        )),
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

/// Reports whether the server itself failed, as opposed to rejecting the account.
fn is_server_failure(target: &TargetReport) -> bool {
    target
        .outcome
        .as_ref()
        .is_err_and(|finding| match finding.mode.family() {
            Family::Network => true,
            Family::Kubernetes => {
                matches!(finding.mode.category(), Category::Error | Category::Slow)
            }
            _ => false,
        })
}

fn with_backends(
    finding: &Finding,
    others: &[(SocketAddr, TargetReport)],
    failing: &[&TargetReport],
) -> String {
    if others.is_empty() || finding.mode.family() != Family::Network {
        return finding.evidence.to_string();
    }
    let result = if failing.is_empty() {
        "respond"
    } else {
        "fail"
    };
    format!(
        "{}; all {} API-server addresses behind the service {result} when probed directly",
        finding.evidence,
        others.len()
    )
}
