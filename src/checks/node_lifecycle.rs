//! Which nodes are spot instances, as the agent decides it, and can it be decided for all of them?

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue::{CheckId, FailureMode};
use crate::checks::{Attempt, Check, CheckContext};
use crate::config::{Config, Provider};
use crate::kube::Store;
use crate::kube::types::node::{Cloud, Mark, Node};
use crate::report::{Evidence, Fact, Finding, Report, Verdict};

/// So many nodes are named.
const NAMED: usize = 3;

/// The check `node_lifecycle`.
#[derive(Debug)]
pub struct NodeLifecycle {
    store: Arc<Store>,
    provider: Option<Provider>,
    /// Whether the agent asks EC2 of nodes whose labels do not tell.
    asks: bool,
}

/// What the agent takes a node for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Lifecycle {
    OnDemand,
    Spot,
    /// Only EC2 can tell.
    Unresolved,
}

impl NodeLifecycle {
    /// The check of a configuration.
    pub fn new(config: &Config, world: &CheckContext) -> Self {
        Self {
            store: Arc::clone(&world.store),
            provider: config.told.provider,
            asks: config.aws.lifecycle,
        }
    }

    fn judge(&self, nodes: &[Arc<Node>], attempt: &Attempt) -> Report {
        let mut counts = BTreeMap::from([
            (Lifecycle::OnDemand, 0),
            (Lifecycle::Spot, 0),
            (Lifecycle::Unresolved, 0),
        ]);
        let mut open: Vec<&str> = Vec::new();
        for node in nodes {
            let lifecycle = self.lifecycle(node);
            *counts.entry(lifecycle).or_default() += 1;
            if lifecycle == Lifecycle::Unresolved {
                open.push(&node.name);
            }
        }
        let count = |lifecycle: Lifecycle| counts.get(&lifecycle).copied().unwrap_or(0);
        let facts = [Lifecycle::OnDemand, Lifecycle::Spot, Lifecycle::Unresolved];
        let facts = facts
            .map(|lifecycle| Fact::Nodes(lifecycle.label(), count(lifecycle)))
            .to_vec();
        open.sort_unstable();
        let known = format!(
            "of {} nodes {} are spot and {} on-demand by their labels",
            nodes.len(),
            count(Lifecycle::Spot),
            count(Lifecycle::OnDemand)
        );
        let verdict = if open.is_empty() {
            Verdict::Ok(Evidence::from(known))
        } else {
            let named = open
                .iter()
                .take(NAMED)
                .copied()
                .collect::<Vec<_>>()
                .join(", ");
            let open = format!(
                "{known}; of {} only EC2 can tell ({named}{})",
                open.len(),
                if open.len() > NAMED { ", …" } else { "" }
            );
            self.ask(&open, attempt)
        };
        Report {
            facts,
            ..Report::bare(verdict)
        }
    }

    /// Whether EC2 can be asked, by the verdicts of those who ask.
    fn ask(&self, open: &str, attempt: &Attempt) -> Verdict {
        if !self.asks {
            return Verdict::NotApplicable(Evidence::from(format!(
                "{open}, and the agent is told not to ask it, so that it takes them for on-demand"
            )));
        }
        let verdict = |label: &str| {
            attempt
                .peers()
                .report(CheckId::from_label(label)?)
                .map(|report| &report.verdict)
        };
        let asked = [
            verdict("ec2_api"),
            verdict("sts_identity"),
            verdict("aws_credentials"),
        ];
        let failing = asked
            .iter()
            .flatten()
            .find(|verdict| matches!(verdict, Verdict::Failing(_)));
        match (failing, asked[0]) {
            (Some(failing), _) => {
                let evidence = format!(
                    "{open}, and EC2 cannot be asked, so that spot nodes may be shown as on-demand, those with labels \
                     included: {}",
                    failing.evidence()
                );
                Verdict::failing(Finding::new(FailureMode::LifecycleUnresolved, evidence))
            }
            (None, Some(Verdict::Ok(_) | Verdict::Warning(_))) => {
                Verdict::Ok(Evidence::from(format!("{open}, and it can be asked")))
            }
            (None, _) => Verdict::Unknown(Evidence::from(format!(
                "{open}, and whether it can be asked is not known"
            ))),
        }
    }

    /// The agent's own order of questions (`determineLifecycle`), by its provider.
    fn lifecycle(&self, node: &Node) -> Lifecycle {
        use Mark as L;
        let marks = node.marks;
        match (self.provider, node.cloud) {
            (Some(Provider::Eks | Provider::SelfHostedEc2), _) | (None, Cloud::Aws) => {
                if marks.any(&[L::EksSpot]) {
                    Lifecycle::Spot
                } else if marks.any(&[L::EksOnDemand, L::SpotFallback]) {
                    Lifecycle::OnDemand
                } else if marks.any(&[L::CastaiSpot, L::SpotWorker, L::KarpenterSpot]) {
                    Lifecycle::Spot
                } else if marks.any(&[L::KarpenterOnDemand]) {
                    Lifecycle::OnDemand
                } else {
                    Lifecycle::Unresolved
                }
            }
            (Some(Provider::Kops), Cloud::Aws) => {
                spot_if(marks.any(&[L::CastaiSpot, L::Spot])).unwrap_or(Lifecycle::Unresolved)
            }
            (Some(Provider::Gke | Provider::Kops), _) | (None, Cloud::Gcp) => {
                let spot = [
                    L::CastaiSpot,
                    L::GkePreemptible,
                    L::GkeSpot,
                    L::KarpenterSpot,
                ];
                spot_if(marks.any(&spot)).unwrap_or(Lifecycle::OnDemand)
            }
            (Some(Provider::Aks), _) | (None, Cloud::Azure) => {
                let spot = [L::CastaiSpot, L::AzureSpot, L::KarpenterSpot];
                spot_if(marks.any(&spot)).unwrap_or(Lifecycle::OnDemand)
            }
            (Some(Provider::Anywhere | Provider::Openshift), _) | (None, Cloud::Other) => {
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
            Err(verdict) => Report::bare(verdict),
        }
    }
}

fn spot_if(spot: bool) -> Option<Lifecycle> {
    spot.then_some(Lifecycle::Spot)
}
