//! Checks that AWS accepts the agent's credentials and resolves them to the expected identity.
//!
//! The agent calls STS only to assume a role and never calls `GetCallerIdentity`. An unreachable STS
//! therefore fails the check only if the agent has a role to assume, whereas rejected credentials
//! are rejected by every AWS service.

mod expected_identity;
mod remedy;

use std::time::{Duration, SystemTime};

use crate::aws::credentials::{CachePolicy, CachedCredentials, CredentialsError, StsExchange};
use crate::aws::{AwsError, CallError, PhasedConnector, Sts};
use crate::catalogue::alert::modes_of;
use crate::catalogue::{Category, CheckId, FailureMode as M, Family, Situation, Timeouts};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::CheckSettings;
use crate::config::agent::aws::{AwsService, AwsUsage};
use crate::net::{Response, agent_timeouts};
use crate::report::evidence::quote;
use crate::report::{
    AwsIdentity, DateSample, Evidence, Finding, LatestReports, PhaseTimer, Report, Verdict,
};

/// The `source` label of the clock reading.
const CLOCK_SOURCE: &str = "sts";

/// Checks that fail if the agent gets no credentials. A sidecar that does not read the agent's log
/// learns it from them.
const AFFECTED_BY_CREDENTIALS: &[CheckId] = &[CheckId::AgentHealth, CheckId::Ec2Api];

/// Age at which credentials are obtained again if nothing reads the agent's log. The agent obtains
/// its own once an hour, and no complaint would show here that STS refused.
const UNPROMPTED_RENEWAL_INTERVAL: Duration = Duration::from_secs(30);

/// The check `sts_identity`.
#[derive(Debug)]
pub struct StsIdentity {
    timeouts: Timeouts,
    context: CheckContext,
}

/// The parts of the report that are known even if a later step fails.
#[derive(Default)]
struct PartialReport {
    /// The agent's identity.
    identity: Option<AwsIdentity>,
    /// The expiry of the agent's credentials.
    end: Option<i64>,
    /// When the agent's credentials were obtained.
    obtained: Option<SystemTime>,
    date: Option<DateSample>,
}

/// An identity that is unknown or wrong.
enum StsIdentityError {
    /// A failure. The agent works despite it if it is tolerated.
    Found { finding: Finding, tolerated: bool },
    /// The check could not be performed.
    Unknown(Evidence),
}

impl StsIdentity {
    /// Creates the check.
    pub fn new(settings: &CheckSettings, context: &CheckContext) -> Self {
        Self {
            timeouts: settings.timeouts,
            context: context.clone(),
        }
    }

    async fn identify(
        &self,
        sts: &Sts,
        timer: &PhaseTimer,
        reports: &LatestReports,
        partial: &mut PartialReport,
    ) -> Result<Evidence, StsIdentityError> {
        let needed = self.context.aws.uses_sts();
        let cached = match self
            .context
            .aws
            .credentials(Ok(sts), cache_policy(reports))
            .await
        {
            Ok(cached) => cached,
            Err(CredentialsError::Unavailable(why)) => return Err(StsIdentityError::Unknown(why)),
            Err(CredentialsError::Sts(exchange, error)) => {
                return Err(explain_assume_role_error(&exchange, &error, partial));
            }
        };
        partial.end = cached.expiry();
        partial.obtained = Some(cached.obtained_at);
        validate_key(&cached)?;
        let (caller, response) = match sts.caller_identity(&cached.credentials).await {
            Ok(answered) => answered,
            Err(error) => {
                return Err(self
                    .explain_caller_error(&cached, &error, needed, partial)
                    .await);
            }
        };
        partial.date = response.date_sample(CLOCK_SOURCE);
        let role = caller.name().chars().take(128).collect();
        let (account, arn, source) = (
            caller.account.clone(),
            caller.arn.clone(),
            cached.source.label(),
        );
        partial.identity = Some(AwsIdentity {
            account,
            role,
            arn,
            source,
        });
        self.compare(&caller, &cached, reports)?;
        if let Some(exceeded) = agent_timeouts::first_exceeded(&self.timeouts, timer) {
            let evidence = format!(
                "{} took {:.1} s; every agent operation that needs STS is delayed by as much",
                exceeded.what,
                exceeded.duration.as_secs_f64()
            );
            return Err(StsIdentityError::Found {
                finding: Finding::new(M::AwsSlow, evidence),
                tolerated: true,
            });
        }
        Ok(Evidence::from(format!(
            "the agent authenticates to AWS as {}",
            quote(caller.arn.as_bytes())
        )))
    }

    /// Explains a failed `GetCallerIdentity`.
    async fn explain_caller_error(
        &self,
        cached: &CachedCredentials,
        error: &CallError,
        needed: bool,
        partial: &mut PartialReport,
    ) -> StsIdentityError {
        let (mode, message) = describe_error(error, cached.are_temporary(), partial);
        let Some(mode) = mode else {
            let why = format!("GetCallerIdentity: {message}");
            return StsIdentityError::Unknown(Evidence::from(why));
        };
        if mode == M::AwsSessionExpired {
            self.context.aws.forget_credentials().await;
        }
        let sts_unavailable = mode.family() == Family::Network
            || matches!(mode.category(), Category::Throttled | Category::Error);
        let tolerated = mode == M::AwsStsDenied || sts_unavailable && !needed;
        let (remark, own_remedy) = if tolerated {
            let source = cached.source.label();
            let remark = format!(
                "; the agent itself does not make this call, as its credentials come from {source}"
            );
            (remark, None)
        } else {
            (String::new(), remedy::explain_caller_error(mode, cached))
        };
        let finding = Finding::new(mode, format!("GetCallerIdentity: {message}{remark}"))
            .in_situation(situation(error));
        StsIdentityError::Found {
            finding: finding.with_own_remedy(own_remedy),
            tolerated,
        }
    }
}

impl Check for StsIdentity {
    async fn run(&self, attempt: &Attempt) -> Report {
        let aws = &self.context.aws;
        if let AwsUsage::Nothing(why) = aws.settings().used() {
            return Report::from_verdict(Verdict::NotApplicable(Evidence::from(why)));
        }
        let region = match aws.region(attempt.reports()) {
            Ok(region) => region,
            Err(why) => return Report::from_verdict(Verdict::Unknown(why)),
        };
        let service_target = match aws.service_target(AwsService::Sts, &region, self.timeouts) {
            Ok(service_target) => service_target,
            Err(verdict) => return Report::from_verdict(verdict),
        };
        let name = service_target.target.authority();
        let timer = attempt.start_target(&name, aws.uses_sts());
        let connector = PhasedConnector::new(
            service_target.target,
            &self.context.network.resolver,
            &timer,
        );
        let sts = Sts::new(&connector, &service_target.endpoint);
        let mut partial = PartialReport::default();
        let result = self
            .identify(&sts, &timer, attempt.reports(), &mut partial)
            .await;
        let (verdict, outcome) = match result {
            Ok(evidence) => (Verdict::Ok(evidence.clone()), Some(Ok(evidence))),
            Err(StsIdentityError::Unknown(why)) => (Verdict::Unknown(why), None),
            Err(StsIdentityError::Found { finding, tolerated }) => {
                let named = service_target
                    .endpoint
                    .set_by
                    .filter(|_| finding.mode.family() == Family::Network);
                let finding = match named {
                    Some(by) => {
                        let evidence = format!("{} (endpoint set by {by})", finding.evidence);
                        finding.with_evidence(evidence)
                    }
                    None => finding,
                };
                let verdict = if tolerated {
                    Verdict::Warning(vec![finding.clone()])
                } else {
                    Verdict::failing(finding.clone())
                };
                (verdict, Some(Err(finding)))
            }
        };
        let targets = outcome
            .map(|outcome| attempt.finish_target(&name, outcome))
            .into_iter()
            .collect();
        Report {
            targets,
            dates: partial.date.into_iter().collect(),
            credentials_expiry: partial.end,
            credentials_obtained: partial.obtained,
            identity: partial.identity,
            ..Report::from_verdict(verdict)
        }
    }
}

/// Returns which cached credentials are good enough: none that were obtained before the last sign
/// that the agent has trouble with its own, because they would hide that STS issues no new ones.
/// Without the agent's log, which a sidecar beside a companion does not read, there may be no sign.
fn cache_policy(reports: &LatestReports) -> CachePolicy {
    let log = reports.report(CheckId::AgentLog);
    let newest_to_replace = match log {
        Some(report) => report.credentials_complaint,
        None => SystemTime::now().checked_sub(UNPROMPTED_RENEWAL_INTERVAL),
    };
    let failing = AFFECTED_BY_CREDENTIALS
        .iter()
        .filter_map(|check| reports.report(*check))
        .filter(|report| matches!(report.verdict, Verdict::Failing(_)))
        .map(|report| report.at);
    newest_to_replace
        .into_iter()
        .chain(failing)
        .max()
        .map_or(CachePolicy::Revalidate, CachePolicy::NewerThan)
}

/// Explains a failed `AssumeRole` or `AssumeRoleWithWebIdentity`.
fn explain_assume_role_error(
    exchange: &StsExchange,
    error: &CallError,
    partial: &mut PartialReport,
) -> StsIdentityError {
    let temporary = matches!(exchange, StsExchange::AccessKey(role) if role.key.session.is_some());
    let (mode, message) = describe_error(error, temporary, partial);
    let call = match exchange {
        StsExchange::WebIdentity { role, .. } => {
            format!("AssumeRoleWithWebIdentity for {}", quote(role.as_bytes()))
        }
        StsExchange::AccessKey(role) => format!("AssumeRole for {}", quote(role.arn.as_bytes())),
    };
    let Some(mode) = mode else {
        return StsIdentityError::Unknown(Evidence::from(format!("{call}: {message}")));
    };
    let own_remedy = remedy::explain_assume_role_error(mode, exchange);
    let facts = own_remedy
        .as_ref()
        .map_or_else(String::new, |_| remedy::token_facts(exchange));
    let finding =
        Finding::new(mode, format!("{call}: {message}{facts}")).in_situation(situation(error));
    StsIdentityError::Found {
        finding: finding.with_own_remedy(own_remedy),
        tolerated: false,
    }
}

/// Returns what the connection shows beside its failure.
const fn situation(error: &CallError) -> Option<Situation> {
    match error {
        CallError::Transport(finding) => finding.situation,
        CallError::NotSent(_) | CallError::Response(_) => None,
    }
}

/// Returns the mode of a failed call and its description.
fn describe_error(
    error: &CallError,
    temporary: bool,
    partial: &mut PartialReport,
) -> (Option<M>, String) {
    match error {
        CallError::Transport(finding) => (Some(finding.mode), finding.evidence.to_string()),
        CallError::NotSent(why) => (None, why.clone()),
        CallError::Response(response) => {
            let response: &Response = response;
            partial.date = response.date_sample(CLOCK_SOURCE);
            let aws_error = AwsError::parse(AwsService::Sts, response);
            // Modes that this check does not publish stay without a name.
            let mode = aws_error
                .mode(temporary)
                .filter(|mode| modes_of(CheckId::StsIdentity).any(|of| of == *mode));
            (mode, aws_error.to_string())
        }
    }
}

/// Rejects a key that cannot be sent in a header.
fn validate_key(cached: &CachedCredentials) -> Result<(), StsIdentityError> {
    let session = cached.credentials.session_token().unwrap_or_default();
    let graphic = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if graphic(cached.credentials.access_key_id()) && graphic(session) {
        return Ok(());
    }
    let evidence = "the agent's access key ID or session token contains a byte that is invalid \
                    in a header, such as a newline; no request was sent, and the agent's SDK \
                    sends none either: recreate the secret with --from-literal";
    Err(StsIdentityError::Found {
        finding: Finding::new(M::AwsKeyInvalid, evidence),
        tolerated: false,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn credentials_are_renewed_unprompted_only_where_the_log_is_not_read() {
        let before = SystemTime::now();
        let CachePolicy::NewerThan(time) = cache_policy(&LatestReports::default()) else {
            panic!("no report of the log");
        };
        let age = UNPROMPTED_RENEWAL_INTERVAL;
        assert!((before - age..=SystemTime::now() - age).contains(&time));
        let log = |complaint| {
            let report = Report {
                credentials_complaint: complaint,
                ..Report::from_verdict(Verdict::Ok(Evidence::from("read")))
            };
            LatestReports::new(vec![(CheckId::AgentLog, Arc::new(report))])
        };
        assert_eq!(cache_policy(&log(None)), CachePolicy::Revalidate);
        let complaint = cache_policy(&log(Some(before)));
        assert_eq!(complaint, CachePolicy::NewerThan(before));
    }
}
