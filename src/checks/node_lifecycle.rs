//! Checks that the agent can determine for every node whether it is a spot instance.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue::{CheckId, FailureMode};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::{Config, Provider};
use crate::kube::Store;
use crate::kube::types::node::{Node, NodeCloud, PurchaseLabel};
use crate::report::{Evidence, Finding, Observation, Report, Verdict};

/// The number of nodes named in evidence.
const MAX_NAMED_NODES: usize = 3;

/// The check `node_lifecycle`.
#[derive(Debug)]
pub struct NodeLifecycle {
    store: Arc<Store>,
    provider: Option<Provider>,
    /// Whether the agent looks up unlabelled nodes in EC2.
    queries_ec2: bool,
}

/// The lifecycle that the agent assigns to a node.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Lifecycle {
    OnDemand,
    Spot,
    /// The labels do not say; it has to be looked up in EC2.
    Unresolved,
}

impl NodeLifecycle {
    /// Creates the check.
    pub fn new(config: &Config, context: &CheckContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            provider: config.provider_variables.provider,
            queries_ec2: config.aws.lifecycle,
        }
    }

    fn judge(&self, nodes: &[Arc<Node>], attempt: &Attempt) -> Report {
        let mut counts = BTreeMap::from([
            (Lifecycle::OnDemand, 0),
            (Lifecycle::Spot, 0),
            (Lifecycle::Unresolved, 0),
        ]);
        let mut unresolved: Vec<&str> = Vec::new();
        for node in nodes {
            let lifecycle = self.lifecycle(node);
            *counts.entry(lifecycle).or_default() += 1;
            if lifecycle == Lifecycle::Unresolved {
                unresolved.push(&node.name);
            }
        }
        let count = |lifecycle: Lifecycle| counts.get(&lifecycle).copied().unwrap_or(0);
        let observations = [Lifecycle::OnDemand, Lifecycle::Spot, Lifecycle::Unresolved];
        let observations = observations
            .map(|lifecycle| Observation::Nodes(lifecycle.label(), count(lifecycle)))
            .to_vec();
        unresolved.sort_unstable();
        let labelled = format!(
            "{} nodes: {} labelled as spot and {} as on-demand",
            nodes.len(),
            count(Lifecycle::Spot),
            count(Lifecycle::OnDemand)
        );
        let verdict = if unresolved.is_empty() {
            Verdict::Ok(Evidence::from(labelled))
        } else {
            let named = unresolved
                .iter()
                .take(MAX_NAMED_NODES)
                .copied()
                .collect::<Vec<_>>()
                .join(", ");
            let unresolved = format!(
                "{labelled}; EC2 lookups required: {} ({named}{})",
                unresolved.len(),
                if unresolved.len() > MAX_NAMED_NODES {
                    ", …"
                } else {
                    ""
                }
            );
            self.judge_lookup(&unresolved, attempt)
        };
        Report {
            observations,
            ..Report::from_verdict(verdict)
        }
    }

    /// Judges whether EC2 can be queried by the verdicts of the AWS checks.
    fn judge_lookup(&self, unresolved: &str, attempt: &Attempt) -> Verdict {
        if !self.queries_ec2 {
            return Verdict::NotApplicable(Evidence::from(format!(
                "{unresolved}, but lookups are disabled in the agent, which treats these nodes \
                 as on-demand"
            )));
        }
        let verdict = |label: &str| {
            attempt
                .reports()
                .report(CheckId::from_label(label)?)
                .map(|report| &report.verdict)
        };
        let verdicts = [
            verdict("ec2_api"),
            verdict("sts_identity"),
            verdict("aws_credentials"),
        ];
        let failing = verdicts
            .iter()
            .flatten()
            .find(|verdict| matches!(verdict, Verdict::Failing(_)));
        match (failing, verdicts[0]) {
            (Some(failing), _) => {
                let evidence = format!(
                    "{unresolved}, but the agent cannot query EC2, so spot nodes may be reported \
                     as on-demand, including labelled ones: {}",
                    failing.evidence()
                );
                Verdict::failing(Finding::new(FailureMode::LifecycleUnresolved, evidence))
            }
            (None, Some(Verdict::Ok(_) | Verdict::Warning(_))) => Verdict::Ok(Evidence::from(
                format!("{unresolved}, and the agent can query EC2"),
            )),
            (None, _) => Verdict::Unknown(Evidence::from(format!(
                "{unresolved}; whether the agent can query EC2 is unknown"
            ))),
        }
    }

    /// Mirrors the agent's `determineLifecycle` for its provider.
    fn lifecycle(&self, node: &Node) -> Lifecycle {
        use PurchaseLabel as L;
        let labels = node.purchase_labels;
        match (self.provider, node.cloud) {
            (Some(Provider::Eks | Provider::SelfHostedEc2), _) | (None, NodeCloud::Aws) => {
                if labels.contains_any(&[L::EksSpot]) {
                    Lifecycle::Spot
                } else if labels.contains_any(&[L::EksOnDemand, L::SpotFallback]) {
                    Lifecycle::OnDemand
                } else if labels.contains_any(&[L::CastaiSpot, L::SpotWorker, L::KarpenterSpot]) {
                    Lifecycle::Spot
                } else if labels.contains_any(&[L::KarpenterOnDemand]) {
                    Lifecycle::OnDemand
                } else {
                    Lifecycle::Unresolved
                }
            }
            (Some(Provider::Kops), NodeCloud::Aws) => {
                spot_if(labels.contains_any(&[L::CastaiSpot, L::Spot]))
                    .unwrap_or(Lifecycle::Unresolved)
            }
            (Some(Provider::Gke | Provider::Kops), _) | (None, NodeCloud::Gcp) => {
                let spot = [
                    L::CastaiSpot,
                    L::GkePreemptible,
                    L::GkeSpot,
                    L::KarpenterSpot,
                ];
                spot_if(labels.contains_any(&spot)).unwrap_or(Lifecycle::OnDemand)
            }
            (Some(Provider::Aks), _) | (None, NodeCloud::Azure) => {
                let spot = [L::CastaiSpot, L::AzureSpot, L::KarpenterSpot];
                spot_if(labels.contains_any(&spot)).unwrap_or(Lifecycle::OnDemand)
            }
            (Some(Provider::Anywhere | Provider::Openshift), _) | (None, NodeCloud::Other) => {
                Lifecycle::OnDemand
            }
        }
    }
}

impl Lifecycle {
    const fn label(self) -> &'static str {
        match self {
            Self::OnDemand => "on_demand",
            Self::Spot => "spot",
            Self::Unresolved => "unresolved",
        }
    }
}

impl Check for NodeLifecycle {
    async fn run(&self, attempt: &Attempt) -> Report {
        match self.store.nodes.read().await {
            Ok(nodes) => self.judge(&nodes, attempt),
            Err(error) => Report::from_verdict(error.into()),
        }
    }
}

fn spot_if(spot: bool) -> Option<Lifecycle> {
    spot.then_some(Lifecycle::Spot)
}
