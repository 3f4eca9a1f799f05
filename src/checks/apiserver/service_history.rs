//! The recent results at the service's address, which show whether connections still reach an API
//! server that fails.
//!
//! A hanging API server leaves the list of addresses after seconds, while a load balancer in front
//! of the service may route to it for much longer. One connection per attempt would then find the
//! failure now and then.

use std::net::SocketAddr;

use crate::catalogue::{Category, FailureMode, Situation};
use crate::checks::apiserver::verdict::has_failed;
use crate::report::{Finding, TargetReport, Verdict};

/// Further connections to the service's address in an attempt that follows a failure.
const EXTRA_PROBES: usize = 3;
/// Attempts without any failure after which the service's address is trusted again. With one of two
/// API servers failing, four connections miss it in one of sixteen attempts.
const TRUSTED_AFTER: u8 = 2;

/// The recent results at the service's address.
#[derive(Debug, Default)]
pub(super) struct ServiceHistory {
    /// Attempts for which further connections are opened.
    suspicious_attempts: u8,
    /// The evidence of the last attempt in which some connections failed and others did not.
    intermittent: Option<String>,
    /// The addresses that failed when they were last probed directly.
    failed_backends: Vec<String>,
}

impl ServiceHistory {
    /// Returns the number of further connections to open to the service's address.
    pub(super) fn extra_probes(&self) -> usize {
        if self.suspicious_attempts > 0 {
            EXTRA_PROBES
        } else {
            0
        }
    }

    /// Adjusts the verdict of an attempt if connections to the service's address fail only
    /// sometimes.
    pub(super) fn judge(
        &mut self,
        verdict: Verdict,
        (service, name): (&TargetReport, &TargetReport),
        extra: &[Result<(), Finding>],
        backends: &[(SocketAddr, TargetReport)],
    ) -> Verdict {
        let results = || {
            let first = service.outcome.as_ref().map(|_| ());
            [first]
                .into_iter()
                .chain(extra.iter().map(|result| result.as_ref().copied()))
        };
        let failures: Vec<&Finding> = results()
            .filter_map(Result::err)
            .filter(|finding| finding.mode.is_apiserver_failure())
            .collect();
        let failed_backends: Vec<String> = backends
            .iter()
            .filter(|(_, target)| has_failed(target))
            .map(|(_, target)| target.target.clone())
            .collect();
        // The service's DNS name leads to the same address.
        let name_fails = name.outcome.as_ref().is_err_and(|finding| {
            finding.mode.is_apiserver_failure() && finding.mode.category() != Category::Dns
        });
        if failures.is_empty() && failed_backends.is_empty() && !name_fails {
            self.suspicious_attempts = self.suspicious_attempts.saturating_sub(1);
        } else {
            self.suspicious_attempts = TRUSTED_AFTER;
        }
        if !failed_backends.is_empty() {
            self.failed_backends = failed_backends;
        }
        if self.suspicious_attempts == 0 {
            *self = Self::default();
        }
        let total = results().count();
        let some_succeed = results().any(|result| result.is_ok());
        if let Some(failure) = failures.first().filter(|_| some_succeed) {
            let gone = match self.failed_backends.as_slice() {
                [] => String::new(),
                gone => format!(
                    "; probed directly, {} failed before that",
                    gone.join(" and ")
                ),
            };
            self.intermittent = Some(format!(
                "{} of {total} connections to the service's address {} failed at the same time as \
                 others succeeded, so it still reaches an API server that fails{gone}: {}: {}",
                failures.len(),
                service.target,
                failure.mode,
                failure.evidence
            ));
        }
        let is_named = verdict.modes() == [FailureMode::K8sEndpointDown];
        match &self.intermittent {
            Some(evidence) if !is_named && (some_succeed || !failures.is_empty()) => {
                if failures.len() == total {
                    return verdict;
                }
                let note = if failures.is_empty() {
                    "; in the latest attempt all connections succeeded"
                } else {
                    ""
                };
                let finding =
                    Finding::new(FailureMode::K8sEndpointDown, format!("{evidence}{note}"));
                Verdict::failing(finding.in_situation(Some(Situation::Intermittent)))
            }
            _ => verdict,
        }
    }
}
