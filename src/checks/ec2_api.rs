//! Checks that the agent may call EC2's `DescribeInstances` and sees the cluster's instances.
//!
//! Sends a dry run to test the permission, then describes the instance that this pod runs on. An
//! empty result for it means that the region or account is wrong.

mod remedy;

use crate::aws::credentials::CachedCredentials;
use crate::aws::{AwsError, CallError, Ec2, PhasedConnector, ec2};
use crate::catalogue::alert::modes_of;
use crate::catalogue::{CheckId, FailureMode as M, Family, Timeouts};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::CheckSettings;
use crate::config::agent::aws::{AwsService, AwsUsage};
use crate::net::agent_timeouts;
use crate::report::evidence::quote;
use crate::report::{Ec2Instance, Evidence, Finding, LatestReports, PhaseTimer, Report, Verdict};

/// The check `ec2_api`.
#[derive(Debug)]
pub struct Ec2Api {
    timeouts: Timeouts,
    context: CheckContext,
}

/// A result other than ok.
enum Ec2ApiError {
    /// The agent cannot work.
    Failing(Finding),
    /// The agent works despite this failure.
    Tolerated(Finding),
    /// The check could not be performed.
    Unknown(Evidence),
}

/// The caller, region and instance of the requests.
struct RequestContext<'a> {
    region: &'a str,
    cached: CachedCredentials,
    /// The caller's ARN for evidence, quoted.
    caller: String,
    /// Whether STS accepts the same credentials.
    accepted: bool,
    /// The instance that this pod runs on, if known.
    node_instance: Option<Ec2Instance>,
}

impl Ec2Api {
    /// Creates the check.
    pub fn new(settings: &CheckSettings, context: &CheckContext) -> Self {
        Self {
            timeouts: settings.timeouts,
            context: context.clone(),
        }
    }

    async fn send_requests(
        &self,
        ec2: &Ec2,
        request: &RequestContext<'_>,
        timer: &PhaseTimer,
        reports: &LatestReports,
        instance: &mut Option<Ec2Instance>,
    ) -> Result<Evidence, Ec2ApiError> {
        let error = ec2.dry_run().await;
        if !allowed(&error) {
            return Err(self.explain(&error, request).await);
        }
        let allowed_text = format!(
            "{} is allowed to describe instances in {}",
            request.caller, request.region
        );
        let Some((node_instance, id)) = request
            .node_instance
            .as_ref()
            .and_then(|node_instance| node_instance.id.as_ref().map(|id| (node_instance, id)))
        else {
            self.check_latency(timer)?;
            return Ok(Evidence::from(format!(
                "{allowed_text}; whether it sees the cluster's instances is unknown, because \
                 neither instance metadata nor the node's providerID identifies this node's \
                 instance"
            )));
        };
        let described = match ec2.describe_instance(id).await {
            Ok((described, _answer)) => described,
            Err(error) => return Err(self.explain(&error, request).await),
        };
        let Some(described) = described else {
            return Err(not_visible(node_instance, id, request, reports));
        };
        let cluster = described.cluster().map(str::to_owned);
        *instance = Some(Ec2Instance {
            cluster: cluster.clone(),
            ..node_instance.clone()
        });
        let uses_discovery = self.context.aws.settings().used() == AwsUsage::Discovery;
        let quoted_id = quote(id.as_bytes());
        if uses_discovery && cluster.is_none() {
            return Err(Ec2ApiError::Failing(Finding::new(
                M::Ec2TagsMissing,
                format!(
                    "{allowed_text}, but instance {quoted_id} has no tag \
                     kubernetes.io/cluster/NAME = owned, from which the agent discovers the \
                     cluster's name: tag the instance, or set EKS_ACCOUNT_ID, EKS_REGION and \
                     EKS_CLUSTER_NAME"
                ),
            )));
        }
        self.check_latency(timer)?;
        let lifecycle = if described.lifecycle.as_deref() == Some("spot") {
            "spot"
        } else {
            "on-demand"
        };
        Ok(Evidence::from(format!(
            "{allowed_text} and sees this node's instance {quoted_id} ({lifecycle})"
        )))
    }

    fn check_latency(&self, timer: &PhaseTimer) -> Result<(), Ec2ApiError> {
        let Some(exceeded) = agent_timeouts::first_exceeded(&self.timeouts, timer) else {
            return Ok(());
        };
        let took = exceeded.duration.as_secs_f64();
        let evidence = format!(
            "{} took {took:.1} s; every snapshot that needs an EC2 lookup is delayed by as much",
            exceeded.what
        );
        Err(Ec2ApiError::Tolerated(Finding::new(M::AwsSlow, evidence)))
    }

    async fn explain(&self, error: &CallError, request: &RequestContext<'_>) -> Ec2ApiError {
        let (mode, message) = match error {
            CallError::Transport(finding) => return Ec2ApiError::Failing(finding.clone()),
            CallError::NotSent(why) => return Ec2ApiError::Unknown(Evidence::from(why.as_str())),
            CallError::Response(response) => {
                let aws_error = AwsError::parse(AwsService::Ec2, response);
                (
                    aws_error.mode(request.cached.are_temporary()),
                    aws_error.to_string(),
                )
            }
        };
        // EC2 answers an unknown instance ID as it would a wrong region; here it means the instance
        // is not visible.
        let mode = mode.map(|mode| {
            if mode == M::Ec2RegionWrong {
                M::Ec2InstanceNotVisible
            } else {
                mode
            }
        });
        let Some(mode) = mode.filter(|mode| modes_of(CheckId::Ec2Api).any(|of| of == *mode)) else {
            return Ec2ApiError::Unknown(Evidence::from(message));
        };
        if mode == M::AwsSessionExpired {
            self.context.aws.forget_credentials().await;
        }
        let about = format!(
            "DescribeInstances in {} as {}: {message}",
            request.region, request.caller
        );
        let remark = remedy::remark(mode, request.region, request.accepted);
        let finding = Finding::new(mode, format!("{about}{remark}"));
        let own_remedy = remedy::for_error(mode, &request.caller, request.region);
        Ec2ApiError::Failing(finding.with_own_remedy(own_remedy))
    }
}

impl Check for Ec2Api {
    async fn run(&self, attempt: &Attempt) -> Report {
        let (aws, reports) = (&self.context.aws, attempt.reports());
        if let AwsUsage::Nothing(why) = aws.settings().used() {
            return Report::from_verdict(Verdict::NotApplicable(Evidence::from(why)));
        }
        let unknown = |why: Evidence| Report::from_verdict(Verdict::Unknown(why));
        let region = match aws.region(reports) {
            Ok(region) => region,
            Err(why) => return unknown(why),
        };
        let service_target =
            match self
                .context
                .aws
                .service_target(AwsService::Ec2, &region, self.timeouts)
            {
                Ok(service_target) => service_target,
                Err(verdict) => return Report::from_verdict(verdict),
            };
        let cached = match self
            .context
            .aws
            .cached_credentials(&region, self.timeouts, reports)
            .await
        {
            Ok(cached) => cached,
            Err(why) => {
                return unknown(Evidence::from(format!(
                    "EC2 cannot be queried without credentials: {why}"
                )));
            }
        };
        let identity = reports
            .report(CheckId::StsIdentity)
            .and_then(|report| report.identity.as_ref());
        let request = RequestContext {
            region: &region,
            caller: identity.map_or_else(
                || "the agent's role or user".to_owned(),
                |identity| quote(identity.arn.as_bytes()),
            ),
            accepted: identity.is_some(),
            node_instance: aws
                .own_instance(reports)
                .await
                .or_else(|| aws.node_instance()),
            cached,
        };
        let name = service_target.target.authority();
        let timer = attempt.start_target(&name, true);
        let connector = PhasedConnector::new(
            service_target.target,
            &self.context.network.resolver,
            &timer,
        );
        let ec2 = Ec2::new(
            &connector,
            &service_target.endpoint,
            &request.cached.credentials,
        );
        let mut instance = request.node_instance.clone();
        let result = self
            .send_requests(&ec2, &request, &timer, reports, &mut instance)
            .await;
        let set_by = service_target.endpoint.set_by;
        let with_endpoint_source =
            |finding: Finding| match set_by.filter(|_| finding.mode.family() == Family::Network) {
                Some(by) => {
                    let evidence = format!("{} (endpoint set by {by})", finding.evidence);
                    finding.with_evidence(evidence)
                }
                None => finding,
            };
        let (verdict, outcome) = match result {
            Ok(evidence) => (Verdict::Ok(evidence.clone()), Ok(evidence)),
            Err(Ec2ApiError::Unknown(why)) => (Verdict::Unknown(why.clone()), Ok(why)),
            Err(Ec2ApiError::Failing(finding)) => {
                let finding = with_endpoint_source(finding);
                (Verdict::failing(finding.clone()), Err(finding))
            }
            Err(Ec2ApiError::Tolerated(finding)) => {
                (Verdict::Warning(vec![finding.clone()]), Err(finding))
            }
        };
        let targets = vec![attempt.finish_target(&name, outcome)];
        Report {
            targets,
            instance,
            ..Report::from_verdict(verdict)
        }
    }
}

/// Reports whether a dry run was allowed.
fn allowed(error: &CallError) -> bool {
    let CallError::Response(response) = error else {
        return false;
    };
    AwsError::parse(AwsService::Ec2, response).code.as_deref() == Some(ec2::DRY_RUN_ALLOWED)
}

/// Explains why EC2 does not return this node's instance.
fn not_visible(
    node_instance: &Ec2Instance,
    id: &str,
    request: &RequestContext<'_>,
    reports: &LatestReports,
) -> Ec2ApiError {
    let (region, caller, id) = (request.region, &request.caller, quote(id.as_bytes()));
    let empty = format!("EC2 in {region} does not return this node's instance {id} to {caller}");
    if node_instance.region != region {
        let evidence = format!(
            "{empty}, which is in {}: the agent is configured with the wrong region",
            node_instance.region
        );
        return Ec2ApiError::Failing(Finding::new(M::Ec2RegionWrong, evidence));
    }
    let identity = reports.report(CheckId::StsIdentity);
    if identity.is_some_and(|report| report.verdict.modes().contains(&M::AwsAccountMismatch)) {
        return Ec2ApiError::Unknown(Evidence::from(format!(
            "{empty}; see sts_identity for the cause: aws_account_mismatch"
        )));
    }
    let account = identity
        .and_then(|report| report.identity.as_ref())
        .map(|identity| identity.account.as_str());
    let cause = match (account, node_instance.account.as_deref()) {
        (Some(account), Some(owner)) if account != owner => format!(
            ", which belongs to account {owner}, while the caller belongs to {account}: give the \
             agent a role or key of the cluster's account"
        ),
        _ => ": compare the caller's account and region with the nodes'; until then the agent \
              sees none of the cluster's instances and reports spot instances as on-demand"
            .to_owned(),
    };
    Ec2ApiError::Failing(Finding::new(
        M::Ec2InstanceNotVisible,
        format!("{empty}{cause}"),
    ))
}
