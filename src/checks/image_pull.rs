//! Which pods of the cluster wait for an image in vain, from which kind of registry, and why?

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalogue::FailureMode;
use crate::catalogue::alerts::IMAGE_MODES;
use crate::checks::Attempt;
use crate::checks::Examine;
use crate::checks::World;
use crate::classify::Kind;
use crate::classify::classify;
use crate::classify::registry;
use crate::cluster::Store;
use crate::cluster::object::node::Node;
use crate::cluster::object::waiting::Image;
use crate::cluster::object::waiting::WaitingPod;
use crate::verdict::Evidence;
use crate::verdict::Fact;
use crate::verdict::Finding;
use crate::verdict::Report;
use crate::verdict::Verdict;

/// A node is new for so long, in seconds: trouble with registries shows when nodes are created.
const NEW: i64 = 15 * 60;
/// So many pods are named for each mode.
const NAMED: usize = 3;

/// The check `image_pull`.
#[derive(Debug)]
pub struct ImagePull {
    store: Arc<Store>,
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
    pub fn new(world: &World) -> Self {
        Self { store: Arc::clone(&world.store) }
    }

    async fn read(&self) -> Result<(Vec<Arc<WaitingPod>>, Vec<Arc<Node>>), Verdict> {
        Ok((self.store.waiting.read().await?, self.store.nodes.read().await?))
    }
}

impl Examine for ImagePull {
    async fn examine(&self, _attempt: &Attempt) -> Report {
        match self.read().await {
            Ok((waiting, nodes)) => judge(&waiting, &nodes, Timestamp::now()),
            Err(verdict) => Report::bare(verdict),
        }
    }
}

fn judge(waiting: &[Arc<WaitingPod>], nodes: &[Arc<Node>], now: Timestamp) -> Report {
    let young = |node: &&Arc<Node>| node.created.is_some_and(|at| now.as_second() - at.as_second() < NEW);
    let new: Vec<&str> = nodes.iter().filter(young).map(|node| &*node.name).collect();
    let mut groups: BTreeMap<FailureMode, Group<'_>> = BTreeMap::new();
    for pod in waiting {
        for image in &pod.images {
            let group = groups.entry(mode(image)).or_default();
            *group.by_registry.entry(registry(&image.image)).or_default() += 1;
            group.on_new_nodes += u32::from(new.contains(&&*pod.node));
            group.examples.push((pod, image));
        }
    }
    let facts = groups.iter().flat_map(|(mode, group)| {
        group.by_registry.iter().map(|(registry, count)| Fact::ImagePullFailures(registry, *mode, *count))
    });
    let facts = facts.collect();
    let findings: Vec<Finding> = groups.iter().map(|(mode, group)| group.finding(*mode)).collect();
    let verdict = if findings.is_empty() {
        Verdict::Ok(Evidence::from(format!(
            "no pod waits for an image in vain; {} nodes, {} of them new",
            nodes.len(),
            new.len()
        )))
    } else if findings.iter().any(|finding| !is_of_one_pod(finding.mode)) {
        Verdict::Failing(findings)
    } else {
        Verdict::Warning(findings)
    };
    Report { facts, ..Report::bare(verdict) }
}

fn mode(image: &Image) -> FailureMode {
    let said = format!("{}: {}", image.reason, image.message);
    let mode = classify(Some(Kind::K8sEvent), &said).mode();
    mode.filter(|mode| IMAGE_MODES.contains(mode)).unwrap_or(FailureMode::ImageUnknown)
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
    fn finding(&self, mode: FailureMode) -> Finding {
        let count = self.examples.len();
        let registries: Vec<String> = self.by_registry.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let new = match self.on_new_nodes {
            0 => String::new(),
            new => format!(", {new} of them on nodes younger than 15 minutes"),
        };
        let example = |(pod, image): &(&WaitingPod, &Image)| {
            let node = if pod.node.is_empty() { String::new() } else { format!(" on {}", pod.node) };
            format!("{}{node} wants {}: {}: {}", pod.name, image.image, image.reason, image.message)
        };
        let named: Vec<String> = self.examples.iter().take(NAMED).map(example).collect();
        let word = if count == 1 { "container waits" } else { "containers wait" };
        Finding::new(mode, format!("{count} {word} (registry {}){new}: {}", registries.join(", "), named.join("; ")))
    }
}
