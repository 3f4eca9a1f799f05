//! Does the agent learn the cluster's account, region and name?
//!
//! It goes nowhere itself: the environment gives them, or `imds` has seen whether they can be discovered.

use crate::catalogue::Check;
use crate::catalogue::FailureMode as M;
use crate::checks::Attempt;
use crate::checks::Examine;
use crate::config::Aws;
use crate::config::aws::Given;
use crate::config::aws::Provider;
use crate::config::aws::given;
use crate::config::aws::given::Account;
use crate::verdict::Evidence;
use crate::verdict::Finding;
use crate::verdict::Report;
use crate::verdict::Verdict;
use crate::verdict::evidence::quote;

/// The check `cluster_metadata`.
#[derive(Debug)]
pub struct ClusterMetadata {
    aws: Aws,
}

impl ClusterMetadata {
    /// The check for what the agent is given.
    pub fn new(aws: &Aws) -> Self {
        Self { aws: aws.clone() }
    }

    /// Nothing is given: the agent asks instance metadata for the region, and EC2 for the name.
    fn discovered(&self, imds: Option<&Report>) -> Verdict {
        if self.aws.metadata.disabled {
            return Verdict::failing(Finding::new(
                M::MetadataUnresolvable,
                "neither EKS_ACCOUNT_ID, EKS_REGION nor EKS_CLUSTER_NAME is set, and AWS_EC2_METADATA_DISABLED forbids \
                 the agent to discover them",
            ));
        }
        let Some(report) = imds else {
            return Verdict::Unknown(Evidence::from("the check imds, which would tell, has not run"));
        };
        match report.targets.first().map(|target| &target.outcome) {
            Some(Ok(seen)) => Verdict::Ok(Evidence::from(format!(
                "nothing is given, so the agent discovers it: {seen}; the name comes from a tag of its EC2 instance, \
                 which is not looked at here"
            ))),
            Some(Err(finding)) => Verdict::Unknown(Evidence::from(format!("imds: {}", finding.evidence))),
            None => Verdict::Unknown(Evidence::from(format!("imds: {}", report.verdict.evidence()))),
        }
    }
}

impl Examine for ClusterMetadata {
    async fn examine(&self, attempt: &Attempt) -> Report {
        if let Provider::Other(why) = &self.aws.provider {
            return Report::bare(Verdict::NotApplicable(Evidence::from(why.as_str())));
        }
        Report::bare(match &self.aws.given {
            Given::Nothing => self.discovered(attempt.peers().report(Check::Imds)),
            Given::Partial { set, missing } => partial(&self.aws.provider, set, missing),
            Given::Complete { account, region, name } => complete(account, region, name),
        })
    }
}

fn partial(provider: &Provider, set: &[&str], missing: &[&str]) -> Verdict {
    let (set, missing) = (set.join(", "), missing.join(", "));
    if *provider == Provider::SelfHostedEc2 {
        let evidence = format!("{set} is set and {missing} is not; the agent goes on with an empty value");
        return Verdict::Warning(vec![Finding::new(M::AgentConfigEnvMissing, evidence)]);
    }
    let evidence = format!(
        "{set} is set and {missing} is not: the agent ends at its start (\"env variable … is required when discovery \
         is disabled\")"
    );
    Verdict::failing(Finding::new(M::AgentConfigEnvMissing, evidence))
}

fn complete(account: &str, region: &str, name: &str) -> Verdict {
    let written = quote(account.as_bytes());
    match given::account(account) {
        Account::Digits => Verdict::Ok(Evidence::from(format!(
            "account {written}, region {} and name {} are given",
            quote(region.as_bytes()),
            quote(name.as_bytes())
        ))),
        Account::Scientific(digits) => Verdict::Warning(vec![Finding::new(
            M::MetadataAccountMalformed,
            format!(
                "the account is written {written}, which newer agents take for {digits} and older ones for no account; \
                 if digits were lost on the way, it is a wrong one"
            ),
        )]),
        Account::Malformed => Verdict::failing(Finding::new(
            M::MetadataAccountMalformed,
            format!("the account is written {written}, which is not twelve digits"),
        )),
    }
}
