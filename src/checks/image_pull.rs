//! Which pods of the cluster wait for an image in vain, from which kind of registry, and why?

mod acr;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalogue::groups::IMAGE_MODES;
use crate::catalogue::{CheckId, FailureMode};
use crate::checks::{Attempt, Check, CheckContext};
use crate::classify::{Kind, classify, registry};
use crate::config::{Config, Provider};
use crate::kube::Store;
use crate::kube::types::node::Node;
use crate::kube::types::pending_image_pod::{Image, WaitingPod};
use crate::report::{AksSeen, Evidence, Fact, Finding, Report, Verdict};

/// A node is new for so long, in seconds: trouble with registries shows when nodes are created.
const NEW: i64 = 15 * 60;
/// So many pods are named for each mode.
const NAMED: usize = 3;

/// The check `image_pull`.
#[derive(Debug)]
pub struct ImagePull {
    store: Arc<Store>,
    provider: Option<Provider>,
}

/// What is known of the place where images are missing.
struct Scene<'a> {
    nodes: usize,
    /// The names of the nodes that are new.
    new: Vec<&'a str>,
    on_aks: bool,
    /// The cluster of AKS, where it is known.
    aks: Option<&'a AksSeen>,
    /// The agent's pods that wait, of which `agent_workload` tells.
    of_the_agent: Vec<&'a str>,
}

/// The pods that wait for the same reason.
#[derive(Default)]
struct Group<'a> {
    by_registry: BTreeMap<&'static str, u32>,
    on_new_nodes: u32,
    examples: Vec<(&'a WaitingPod, &'a Image)>,
}

impl ImagePull {
    /// The check of a world.
    pub fn new(config: &Config, world: &CheckContext) -> Self {
        Self {
            store: Arc::clone(&world.store),
            provider: config.told.provider,
        }
    }

    async fn read(&self) -> Result<(Vec<Arc<WaitingPod>>, Vec<Arc<Node>>), Verdict> {
        Ok((
            self.store.waiting.read().await?,
            self.store.nodes.read().await?,
        ))
    }
}

impl Check for ImagePull {
    async fn run(&self, attempt: &Attempt) -> Report {
        let (waiting, nodes) = match self.read().await {
            Ok(read) => read,
            Err(verdict) => return Report::bare(verdict),
        };
        let now = Timestamp::now();
        let young = |node: &&Arc<Node>| {
            node.created
                .is_some_and(|at| now.as_second() - at.as_second() < NEW)
        };
        let on_aks = self.provider == Some(Provider::Aks);
        let aks = attempt
            .peers()
            .report(CheckId::ControlPlaneAccess)
            .and_then(|report| report.aks.as_ref());
        let new = nodes.iter().filter(young).map(|node| &*node.name).collect();
        let facts = attempt
            .peers()
            .report(CheckId::AgentWorkload)
            .into_iter()
            .flat_map(|report| &report.facts);
        let of_the_agent = facts.filter_map(|fact| {
            if let Fact::AgentPodWaits(pod) = fact {
                Some(&**pod)
            } else {
                None
            }
        });
        judge(
            &waiting,
            &Scene {
                nodes: nodes.len(),
                new,
                on_aks,
                aks,
                of_the_agent: of_the_agent.collect(),
            },
        )
    }
}

fn judge(waiting: &[Arc<WaitingPod>], scene: &Scene<'_>) -> Report {
    let facts = groups(waiting.iter().map(AsRef::as_ref), scene)
        .into_iter()
        .flat_map(|(mode, group)| {
            let counts = group.by_registry.into_iter();
            counts.map(move |(registry, count)| Fact::ImagePullFailures(registry, mode, count))
        });
    let facts = facts.collect();
    let others = waiting
        .iter()
        .map(AsRef::as_ref)
        .filter(|pod| !scene.of_the_agent.contains(&&*pod.name));
    let findings: Vec<Finding> = groups(others, scene)
        .iter()
        .map(|(mode, group)| group.finding(*mode, scene))
        .collect();
    let verdict = if findings.is_empty() {
        let but = if scene.of_the_agent.is_empty() {
            ""
        } else {
            " but the agent's, of which agent_workload tells"
        };
        Verdict::Ok(Evidence::from(format!(
            "no pod waits for an image in vain{but}; {} nodes, {} of them new",
            scene.nodes,
            scene.new.len()
        )))
    } else if findings.iter().any(|finding| !is_of_one_pod(finding.mode)) {
        Verdict::Failing(findings)
    } else {
        Verdict::Warning(findings)
    };
    Report {
        facts,
        ..Report::bare(verdict)
    }
}

fn groups<'a>(
    waiting: impl Iterator<Item = &'a WaitingPod>,
    scene: &Scene<'_>,
) -> BTreeMap<FailureMode, Group<'a>> {
    let mut groups: BTreeMap<FailureMode, Group<'_>> = BTreeMap::new();
    for pod in waiting {
        for image in &pod.images {
            let group = groups.entry(mode(image)).or_default();
            *group.by_registry.entry(registry(&image.image)).or_default() += 1;
            group.on_new_nodes += u32::from(scene.new.contains(&&*pod.node));
            group.examples.push((pod, image));
        }
    }
    groups
}

fn mode(image: &Image) -> FailureMode {
    let said = format!("{}: {}", image.reason, image.message);
    let mode = classify(Some(Kind::K8sEvent), &said).mode();
    mode.filter(|mode| IMAGE_MODES.contains(mode))
        .unwrap_or(FailureMode::ImageUnknown)
}

/// Whether a mode is mostly the mistake of whoever wrote one pod, and not one of cluster or registry.
const fn is_of_one_pod(mode: FailureMode) -> bool {
    matches!(
        mode,
        FailureMode::ImageNotFound
            | FailureMode::ImageAuthOrMissing
            | FailureMode::ImageInvalidName
            | FailureMode::ImageNeverPull
            | FailureMode::ImagePlatformMismatch
            | FailureMode::ImageUnknown
    )
}

impl Group<'_> {
    fn finding(&self, mode: FailureMode, scene: &Scene<'_>) -> Finding {
        let count = self.examples.len();
        let registries: Vec<String> = self
            .by_registry
            .iter()
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        let new = match self.on_new_nodes {
            0 => String::new(),
            new => format!(", {new} of them on nodes younger than 15 minutes"),
        };
        let example = |(pod, image): &(&WaitingPod, &Image)| {
            let node = if pod.node.is_empty() {
                String::new()
            } else {
                format!(" on {}", pod.node)
            };
            format!(
                "{}{node} wants {}: {}: {}",
                pod.name, image.image, image.reason, image.message
            )
        };
        let named: Vec<String> = self.examples.iter().take(NAMED).map(example).collect();
        // Before what the kubelets say, which may be long, lest a command be cut.
        let mend = scene
            .on_aks
            .then(|| self.acr(scene).mend(mode, scene.aks))
            .flatten();
        let mend = mend
            .map(|mend| format!(". {mend}. Seen"))
            .unwrap_or_default();
        let word = if count == 1 {
            "container waits"
        } else {
            "containers wait"
        };
        Finding::new(
            mode,
            format!(
                "{count} {word} (registry {}){new}{mend}: {}",
                registries.join(", "),
                named.join("; ")
            ),
        )
    }

    /// What of it concerns Azure's registry.
    fn acr(&self, scene: &Scene<'_>) -> acr::Trouble<'_> {
        let only_new =
            self.on_new_nodes as usize == self.examples.len() && scene.new.len() < scene.nodes;
        let images = self
            .examples
            .iter()
            .map(|(pod, image)| (&*pod.node, &*image.image));
        acr::Trouble::new(images, only_new)
    }
}
