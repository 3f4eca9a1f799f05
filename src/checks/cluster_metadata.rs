//! Does the agent learn the cluster's account, region and name?
//!
//! The environment gives them, or the agent discovers them: region and account from instance metadata, the name from a
//! tag that EC2 shows of its own instance. What is given is compared with what the instance itself says.

use crate::catalogue::{CheckId, FailureMode as M};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::aws::given::Account;
use crate::config::aws::{Given, given};
use crate::config::provider::told::Rule;
use crate::config::{Aws, Config, Provider, Told};
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, Peers, Report, Verdict};

/// The check `cluster_metadata`.
#[derive(Debug)]
pub struct ClusterMetadata {
    told: Told,
    aws: Aws,
    world: CheckContext,
}

impl ClusterMetadata {
    /// The check for what the agent is given.
    pub fn new(config: &Config, world: &CheckContext) -> Self {
        Self {
            told: config.told.clone(),
            aws: config.aws.clone(),
            world: world.clone(),
        }
    }

    async fn on_aws(&self, peers: &Peers) -> Verdict {
        match &self.aws.given {
            Given::Nothing => self.discovered(peers),
            Given::Partial { set, missing } => self.partial(set, missing),
            Given::Complete {
                account,
                region,
                name,
            } => match given::account(account) {
                Account::Digits => self.compared(account, region, name, peers).await,
                Account::Scientific(_) | Account::Malformed => self.complete(account, region, name),
            },
        }
    }

    fn elsewhere(&self, provider: Provider, peers: &Peers) -> Verdict {
        let Told { set, missing, .. } = &self.told;
        if missing.is_empty() {
            let values = set.iter().filter_map(|name| {
                Some(format!(
                    "{name} is {}",
                    quote(self.told.value(name)?.as_bytes())
                ))
            });
            return Verdict::Ok(self.sentence(values.collect::<Vec<_>>().join(", ")));
        }
        if !set.is_empty() && provider.rule() == Rule::AllOrNone {
            return self.partial(set, missing);
        }
        let missing = missing.join(", ");
        let metadata = match provider {
            Provider::Gke => CheckId::GceMetadata,
            Provider::Aks => CheckId::AzureImds,
            _ => {
                return Verdict::NotApplicable(self.sentence(format!(
                    "without {missing} an agent for {provider} reads the cluster's own objects, which is not examined"
                )));
            }
        };
        let Some(report) = peers.report(metadata) else {
            return Verdict::Unknown(Evidence::from(format!(
                "the check {metadata}, which would tell, has not run"
            )));
        };
        match report.targets.first().map(|target| &target.outcome) {
            Some(Ok(seen)) => Verdict::Ok(
                self.sentence(format!("without {missing} the agent discovers it: {seen}")),
            ),
            _ => Verdict::Unknown(Evidence::from(format!(
                "{metadata}: {}",
                report.verdict.evidence()
            ))),
        }
    }

    /// A part of a group is given.
    fn partial(&self, set: &[&str], missing: &[&str]) -> Verdict {
        let (set, missing) = (set.join(", "), missing.join(", "));
        let finding = |then: &str| {
            let what = format!("{set} is set and {missing} is not{then}");
            Finding::new(M::AgentConfigEnvMissing, self.sentence(what))
        };
        if self.told.provider.map(Provider::rule) == Some(Rule::Unchecked) {
            return Verdict::Warning(vec![finding("; the agent goes on with an empty value")]);
        }
        Verdict::failing(finding(
            ": the agent ends at its start (\"env variable … is required when discovery is disabled\")",
        ))
    }

    /// A sentence, and whether `PROVIDER` says something else than what holds.
    fn sentence(&self, what: String) -> Evidence {
        match (self.told.provider, self.told.overruled) {
            (Some(provider), Some(overruled)) => Evidence::from(format!(
                "{what}; PROVIDER is {overruled}, but {} goes before it, so that the agent takes the cluster for one of \
                 {provider}",
                self.told.set.join(", ")
            )),
            _ => Evidence::from(what),
        }
    }

    /// Nothing is given: the agent asks instance metadata for the region, and EC2 for the name.
    fn discovered(&self, peers: &Peers) -> Verdict {
        if self.aws.metadata.disabled {
            return Verdict::failing(Finding::new(
                M::MetadataUnresolvable,
                "neither EKS_ACCOUNT_ID, EKS_REGION nor EKS_CLUSTER_NAME is set, and AWS_EC2_METADATA_DISABLED forbids \
                 the agent to discover them",
            ));
        }
        let unknown = |why: String| Verdict::Unknown(Evidence::from(why));
        let Some(imds) = peers.report(CheckId::Imds) else {
            return unknown("the check imds, which would tell, has not run".to_owned());
        };
        let seen = match imds.targets.first().map(|target| &target.outcome) {
            Some(Ok(seen)) => seen,
            Some(Err(finding)) => return unknown(format!("imds: {}", finding.evidence)),
            None => return unknown(format!("imds: {}", imds.verdict.evidence())),
        };
        let Some(ec2) = peers.report(CheckId::Ec2Api) else {
            return unknown(format!(
                "{seen}; the check ec2_api, which would tell the name, has not run"
            ));
        };
        if let Some(name) = ec2
            .instance
            .as_ref()
            .and_then(|instance| instance.cluster.as_deref())
        {
            return Verdict::Ok(Evidence::from(format!(
                "nothing is given, so the agent discovers it: {seen}, and by the tag of its instance the name {}",
                quote(name.as_bytes())
            )));
        }
        let modes: Vec<_> = ec2
            .verdict
            .modes()
            .iter()
            .map(|mode| mode.label())
            .collect();
        let says = if modes.is_empty() {
            ec2.verdict.status().label().to_owned()
        } else {
            modes.join(", ")
        };
        unknown(format!(
            "{seen}; the name comes from EC2, of which ec2_api says: {says}"
        ))
    }

    /// What is given, beside what the instance says of itself.
    async fn compared(&self, account: &str, region: &str, name: &str, peers: &Peers) -> Verdict {
        let told = peers
            .report(CheckId::Ec2Api)
            .and_then(|report| report.instance.clone());
        let own = match told {
            Some(instance) => Some(instance),
            None => self.world.aws.own_instance(&self.world, peers).await,
        };
        let Some(own) = own else {
            return self.complete(account, region, name);
        };
        if own.region != region {
            let evidence = format!(
                "EKS_REGION is {}, and this node is in {}: the cluster is registered under the wrong region, and EC2 shows \
                 none of its instances; set EKS_REGION to {}",
                quote(region.as_bytes()),
                own.region,
                own.region
            );
            return Verdict::failing(Finding::new(M::MetadataRegionMismatch, evidence));
        }
        match own.cluster.as_deref().filter(|cluster| *cluster != name) {
            Some(cluster) => {
                let evidence = format!(
                    "EKS_CLUSTER_NAME is {}, and the tag of this node's instance says {}: the agent goes on, and the \
                     cluster is registered under a name that EKS may not know",
                    quote(name.as_bytes()),
                    quote(cluster.as_bytes())
                );
                Verdict::Warning(vec![Finding::new(M::MetadataClusterNameMismatch, evidence)])
            }
            None => self.complete(account, region, name),
        }
    }

    fn complete(&self, account: &str, region: &str, name: &str) -> Verdict {
        let written = quote(account.as_bytes());
        match given::account(account) {
            Account::Digits => Verdict::Ok(self.sentence(format!(
                "account {written}, region {} and name {} are given",
                quote(region.as_bytes()),
                quote(name.as_bytes())
            ))),
            Account::Scientific(digits) => Verdict::Warning(vec![Finding::new(
                M::MetadataAccountMalformed,
                format!(
                    "the account is written {written}, which newer agents take for {digits} and older ones for no \
                     account; if digits were lost on the way, it is a wrong one"
                ),
            )]),
            Account::Malformed => Verdict::failing(Finding::new(
                M::MetadataAccountMalformed,
                format!("the account is written {written}, which is not twelve digits"),
            )),
        }
    }
}

impl Check for ClusterMetadata {
    async fn run(&self, attempt: &Attempt) -> Report {
        Report::bare(match self.told.provider {
            None => Verdict::NotApplicable(Evidence::from(
                "nothing says where the agent runs (PROVIDER, EKS_*, GKE_*, AKS_*)",
            )),
            Some(provider) if provider.is_aws() => self.on_aws(attempt.peers()).await,
            Some(provider) => self.elsewhere(provider, attempt.peers()),
        })
    }
}
