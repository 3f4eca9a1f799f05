//! Reports the pods of the cluster that cannot pull an image, by registry kind and cause.

mod acr;

use std::collections::BTreeMap;
use std::sync::Arc;

use acr::AcrFailures;
use jiff::Timestamp;

use crate::catalogue::{CheckId, FailureMode, Family, Placeholder, Property};
use crate::checks::{Attempt, Check, CheckContext};
use crate::classify::{TextKind, classify, registry};
use crate::config::{Config, Provider};
use crate::kube::Store;
use crate::kube::types::node::Node;
use crate::kube::types::pending_image_pod::{PendingImage, PendingImagePod};
use crate::report::{AksClusterInfo, Evidence, Finding, Observation, Report, Verdict};

/// The age in seconds up to which a node is new. Registry failures usually show on new nodes.
const NEW_NODE_SECONDS: i64 = 15 * 60;
/// The number of pods named for each mode.
const MAX_NAMED_PODS: usize = 3;

/// The check `image_pull`.
#[derive(Debug)]
pub struct ImagePull {
    store: Arc<Store>,
    provider: Option<Provider>,
}

/// The state of the cluster that pulls are judged by.
struct ClusterState<'a> {
    nodes: usize,
    /// The names of the new nodes.
    new: Vec<&'a str>,
    on_aks: bool,
    /// The AKS cluster, if known.
    aks: Option<&'a AksClusterInfo>,
    /// The agent's pods that cannot pull an image, which `agent_workload` reports.
    agent_pods: Vec<&'a str>,
}

/// The failed pulls of one mode.
#[derive(Default)]
struct PullFailures<'a> {
    by_registry: BTreeMap<&'static str, u32>,
    on_new_nodes: u32,
    examples: Vec<(&'a PendingImagePod, &'a PendingImage)>,
}

impl ImagePull {
    /// Creates the check.
    pub fn new(config: &Config, context: &CheckContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            provider: config.provider_variables.provider,
        }
    }

    async fn read(&self) -> Result<(Vec<Arc<PendingImagePod>>, Vec<Arc<Node>>), Verdict> {
        Ok((
            self.store.pending_image_pods.read().await?,
            self.store.nodes.read().await?,
        ))
    }
}

impl Check for ImagePull {
    async fn run(&self, attempt: &Attempt) -> Report {
        let (waiting, nodes) = match self.read().await {
            Ok(read) => read,
            Err(verdict) => return Report::from_verdict(verdict),
        };
        let now = Timestamp::now();
        let is_new = |node: &&Arc<Node>| {
            node.created
                .is_some_and(|at| now.as_second() - at.as_second() < NEW_NODE_SECONDS)
        };
        let on_aks = self.provider == Some(Provider::Aks);
        let aks = attempt
            .reports()
            .report(CheckId::ControlPlaneAccess)
            .and_then(|report| report.aks.as_ref());
        let new = nodes
            .iter()
            .filter(is_new)
            .map(|node| &*node.name)
            .collect();
        let observations = attempt
            .reports()
            .report(CheckId::AgentWorkload)
            .into_iter()
            .flat_map(|report| &report.observations);
        let agent_pods = observations.filter_map(|fact| {
            if let Observation::AgentPodWaits(pod) = fact {
                Some(&**pod)
            } else {
                None
            }
        });
        judge(
            &waiting,
            &ClusterState {
                nodes: nodes.len(),
                new,
                on_aks,
                aks,
                agent_pods: agent_pods.collect(),
            },
        )
    }
}

fn judge(waiting: &[Arc<PendingImagePod>], cluster: &ClusterState<'_>) -> Report {
    let observations = group_by_mode(waiting.iter().map(AsRef::as_ref), cluster)
        .into_iter()
        .flat_map(|(mode, group)| {
            let counts = group.by_registry.into_iter();
            counts
                .map(move |(registry, count)| Observation::ImagePullFailures(registry, mode, count))
        });
    let observations = observations.collect();
    let others = waiting
        .iter()
        .map(AsRef::as_ref)
        .filter(|pod| !cluster.agent_pods.contains(&&*pod.name));
    let findings: Vec<Finding> = group_by_mode(others, cluster)
        .iter()
        .map(|(mode, group)| group.finding(*mode, cluster))
        .collect();
    let verdict = if findings.is_empty() {
        let except = if cluster.agent_pods.is_empty() {
            ""
        } else {
            " except the agent's (see agent_workload)"
        };
        Verdict::Ok(Evidence::from(format!(
            "no pod has an image pull failure{except}; {} nodes, {} of them new",
            cluster.nodes,
            cluster.new.len()
        )))
    } else if findings
        .iter()
        .any(|finding| !finding.mode.has(Property::PodSpec))
    {
        Verdict::Failing(findings)
    } else {
        Verdict::Warning(findings)
    };
    Report {
        observations,
        ..Report::from_verdict(verdict)
    }
}

fn group_by_mode<'a>(
    waiting: impl Iterator<Item = &'a PendingImagePod>,
    cluster: &ClusterState<'_>,
) -> BTreeMap<FailureMode, PullFailures<'a>> {
    let mut failures: BTreeMap<FailureMode, PullFailures<'_>> = BTreeMap::new();
    for pod in waiting {
        for image in &pod.images {
            let group = failures.entry(failure_mode(image)).or_default();
            *group.by_registry.entry(registry(&image.image)).or_default() += 1;
            group.on_new_nodes += u32::from(cluster.new.contains(&&*pod.node));
            group.examples.push((pod, image));
        }
    }
    failures
}

fn failure_mode(image: &PendingImage) -> FailureMode {
    let message = format!("{}: {}", image.reason, image.message);
    let mode = classify(Some(TextKind::K8sEvent), &message).mode();
    mode.filter(|mode| mode.family() == Family::Image)
        .unwrap_or(FailureMode::ImageUnknown)
}

impl PullFailures<'_> {
    fn finding(&self, mode: FailureMode, cluster: &ClusterState<'_>) -> Finding {
        let count = self.examples.len();
        let registries: Vec<String> = self
            .by_registry
            .iter()
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        let new = match self.on_new_nodes {
            0 => String::new(),
            new => format!(", {new} of them on nodes created less than 15 minutes ago"),
        };
        let example = |(pod, image): &(&PendingImagePod, &PendingImage)| {
            let node = if pod.node.is_empty() {
                String::new()
            } else {
                format!(" on {}", pod.node)
            };
            format!(
                "{}{node} cannot pull {}: {}: {}",
                pod.name, image.image, image.reason, image.message
            )
        };
        let named: Vec<String> = self
            .examples
            .iter()
            .take(MAX_NAMED_PODS)
            .map(example)
            .collect();
        let own_remedy = cluster
            .on_aks
            .then(|| self.acr_failures(cluster).remedy(mode, cluster.aks))
            .flatten();
        let subject = if count == 1 {
            "container cannot pull its image"
        } else {
            "containers cannot pull their images"
        };
        let evidence = format!(
            "{count} {subject} (registry {}){new}: {}",
            registries.join(", "),
            named.join("; ")
        );
        let finding = Finding::new(mode, evidence).with_own_remedy(own_remedy);
        let first = self.examples.first();
        match first.and_then(|(pod, _)| Some((pod, pod.name.split_once('/')?))) {
            Some((pod, (namespace, name))) => finding
                .with_value(Placeholder::PodNamespace, namespace)
                .with_value(Placeholder::Pod, name)
                .with_value(Placeholder::Node, &pod.node),
            None => finding,
        }
    }

    /// Returns the failed pulls from Azure Container Registry.
    fn acr_failures(&self, cluster: &ClusterState<'_>) -> AcrFailures<'_> {
        let only_new =
            self.on_new_nodes as usize == self.examples.len() && cluster.new.len() < cluster.nodes;
        let images = self
            .examples
            .iter()
            .map(|(pod, image)| (&*pod.node, &*image.image));
        AcrFailures::new(images, only_new)
    }
}
