//! Checks that the agent can determine the cluster's account, region and name.
//!
//! They come from the environment, or the agent discovers them: region and account from instance
//! metadata, the name from an EC2 tag of its instance. Configured values are compared with the
//! instance's own.

use crate::catalogue::{CheckId, FailureMode as M};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::agent::aws::cluster_identity::Account;
use crate::config::agent::aws::{ClusterIdentity, cluster_identity};
use crate::config::agent::provider::variables::VariableRule;
use crate::config::{Aws, Config, Provider, ProviderVariables};
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, LatestReports, Report, Verdict};

/// The check `cluster_metadata`.
#[derive(Debug)]
pub struct ClusterMetadata {
    variables: ProviderVariables,
    aws: Aws,
    context: CheckContext,
}

impl ClusterMetadata {
    /// Creates the check for a configuration.
    pub fn new(config: &Config, context: &CheckContext) -> Self {
        Self {
            variables: config.provider_variables.clone(),
            aws: config.aws.clone(),
            context: context.clone(),
        }
    }

    async fn on_aws(&self, reports: &LatestReports) -> Verdict {
        match &self.aws.given {
            ClusterIdentity::Nothing => self.judge_discovery(reports),
            ClusterIdentity::Partial { set, missing } => self.judge_partial(set, missing),
            ClusterIdentity::Complete {
                account,
                region,
                name,
            } => match cluster_identity::account(account) {
                Account::Digits => {
                    self.compare_with_instance(account, region, name, reports)
                        .await
                }
                Account::Scientific(_) | Account::Malformed => {
                    self.judge_complete(account, region, name)
                }
            },
        }
    }

    fn on_other_clouds(&self, provider: Provider, reports: &LatestReports) -> Verdict {
        let ProviderVariables { set, missing, .. } = &self.variables;
        if missing.is_empty() {
            let values = set.iter().filter_map(|name| {
                Some(format!(
                    "{name} is {}",
                    quote(self.variables.value(name)?.as_bytes())
                ))
            });
            return Verdict::Ok(self.evidence(values.collect::<Vec<_>>().join(", ")));
        }
        if !set.is_empty() && provider.rule() == VariableRule::AllOrNone {
            return self.judge_partial(set, missing);
        }
        let missing = missing.join(", ");
        let metadata = match provider {
            Provider::Gke => CheckId::GceMetadata,
            Provider::Aks => CheckId::AzureImds,
            _ => {
                return Verdict::NotApplicable(self.evidence(format!(
                    "{missing} is not set, so the agent ({provider}) reads the values from \
                     objects in the cluster, which this exporter does not check"
                )));
            }
        };
        let Some(report) = reports.report(metadata) else {
            return Verdict::Unknown(Evidence::from(format!(
                "the check {metadata}, which reads this metadata, has not run"
            )));
        };
        match report.targets.first().map(|target| &target.outcome) {
            Some(Ok(values)) => Verdict::Ok(self.evidence(format!(
                "{missing} is not set, so the agent discovers it: {values}"
            ))),
            _ => Verdict::Unknown(Evidence::from(format!(
                "{metadata}: {}",
                report.verdict.evidence()
            ))),
        }
    }

    /// Judges a group of variables of which only some are set.
    fn judge_partial(&self, set: &[&str], missing: &[&str]) -> Verdict {
        let (set, missing) = (set.join(", "), missing.join(", "));
        let finding = |consequence: &str| {
            let text = format!("{set} is set and {missing} is not{consequence}");
            Finding::new(M::AgentConfigEnvMissing, self.evidence(text))
        };
        if self.variables.provider.map(Provider::rule) == Some(VariableRule::Unchecked) {
            return Verdict::Warning(vec![finding("; the agent continues with an empty value")]);
        }
        Verdict::failing(finding(
            ": the agent exits at startup (\"env variable … is required when discovery is \
             disabled\")",
        ))
    }

    /// Builds the evidence and mentions a `PROVIDER` value that other variables override.
    fn evidence(&self, text: String) -> Evidence {
        match (self.variables.provider, self.variables.overruled) {
            (Some(provider), Some(overruled)) => Evidence::from(format!(
                "{text}; PROVIDER is {overruled}, but {} takes precedence, so the agent treats \
                 the cluster as {provider}",
                self.variables.set.join(", ")
            )),
            _ => Evidence::from(text),
        }
    }

    /// Judges full discovery: the region from instance metadata and the name from EC2.
    fn judge_discovery(&self, reports: &LatestReports) -> Verdict {
        if self.aws.metadata.disabled {
            return Verdict::failing(Finding::new(
                M::MetadataUnresolvable,
                "EKS_ACCOUNT_ID, EKS_REGION and EKS_CLUSTER_NAME are not set, and \
                 AWS_EC2_METADATA_DISABLED prevents the agent from discovering them",
            ));
        }
        let unknown = |why: String| Verdict::Unknown(Evidence::from(why));
        let Some(imds) = reports.report(CheckId::Imds) else {
            return unknown("the check imds, which reads this metadata, has not run".to_owned());
        };
        let metadata = match imds.targets.first().map(|target| &target.outcome) {
            Some(Ok(metadata)) => metadata,
            Some(Err(finding)) => return unknown(format!("imds: {}", finding.evidence)),
            None => return unknown(format!("imds: {}", imds.verdict.evidence())),
        };
        let Some(ec2) = reports.report(CheckId::Ec2Api) else {
            return unknown(format!(
                "{metadata}; the check ec2_api, which reads the cluster name, has not run"
            ));
        };
        if let Some(name) = ec2
            .instance
            .as_ref()
            .and_then(|instance| instance.cluster.as_deref())
        {
            return Verdict::Ok(Evidence::from(format!(
                "EKS_* is not set, so the agent discovers the values: {metadata}, and the name {} \
                 from its instance's tag",
                quote(name.as_bytes())
            )));
        }
        let modes: Vec<_> = ec2
            .verdict
            .modes()
            .iter()
            .map(|mode| mode.label())
            .collect();
        let result = if modes.is_empty() {
            ec2.verdict.status().label().to_owned()
        } else {
            modes.join(", ")
        };
        unknown(format!(
            "{metadata}; the agent reads the name from EC2, and ec2_api reports: {result}"
        ))
    }

    /// Compares the configured values with those of the instance.
    async fn compare_with_instance(
        &self,
        account: &str,
        region: &str,
        name: &str,
        reports: &LatestReports,
    ) -> Verdict {
        let variables = reports
            .report(CheckId::Ec2Api)
            .and_then(|report| report.instance.clone());
        let instance = match variables {
            Some(instance) => Some(instance),
            None => self.context.aws.own_instance(reports).await,
        };
        let Some(instance) = instance else {
            return self.judge_complete(account, region, name);
        };
        if instance.region != region {
            let evidence = format!(
                "EKS_REGION is {}, but this node is in {}: the cluster is registered in the \
                 wrong region, and EC2 returns none of its instances; set EKS_REGION to {}",
                quote(region.as_bytes()),
                instance.region,
                instance.region
            );
            return Verdict::failing(Finding::new(M::MetadataRegionMismatch, evidence));
        }
        match instance
            .cluster
            .as_deref()
            .filter(|cluster| *cluster != name)
        {
            Some(cluster) => {
                let evidence = format!(
                    "EKS_CLUSTER_NAME is {}, but the tag of this node's instance is {}: the \
                     agent continues, and the cluster is registered under a name that EKS may \
                     not know",
                    quote(name.as_bytes()),
                    quote(cluster.as_bytes())
                );
                Verdict::Warning(vec![Finding::new(M::MetadataClusterNameMismatch, evidence)])
            }
            None => self.judge_complete(account, region, name),
        }
    }

    fn judge_complete(&self, account: &str, region: &str, name: &str) -> Verdict {
        let account_text = quote(account.as_bytes());
        match cluster_identity::account(account) {
            Account::Digits => Verdict::Ok(self.evidence(format!(
                "account {account_text}, region {} and name {} are set",
                quote(region.as_bytes()),
                quote(name.as_bytes())
            ))),
            Account::Scientific(digits) => Verdict::Warning(vec![Finding::new(
                M::MetadataAccountMalformed,
                format!(
                    "EKS_ACCOUNT_ID is {account_text}, which newer agents read as {digits} and \
                     older agents reject; if the notation dropped digits, the account is wrong"
                ),
            )]),
            Account::Malformed => Verdict::failing(Finding::new(
                M::MetadataAccountMalformed,
                format!("EKS_ACCOUNT_ID is {account_text}, which is not twelve digits"),
            )),
        }
    }
}

impl Check for ClusterMetadata {
    async fn run(&self, attempt: &Attempt) -> Report {
        Report::from_verdict(match self.variables.provider {
            None => Verdict::NotApplicable(Evidence::from(
                "the agent's cloud provider is not configured (PROVIDER, EKS_*, GKE_*, AKS_*)",
            )),
            Some(provider) if provider.is_aws() => self.on_aws(attempt.reports()).await,
            Some(provider) => self.on_other_clouds(provider, attempt.reports()),
        })
    }
}
