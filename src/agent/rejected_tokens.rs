//! What CAST AI refuses to a component, by the component's own log: its token was invalidated.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::agent::logs::{Container, Gaps, Logs, Reel, containers, excerpt};
use crate::agent::workload::Scene;
use crate::castai::cluster_id;
use crate::catalogue::FailureMode;
use crate::catalogue::groups::REFUSED_MODES;
use crate::checks::CheckContext;
use crate::config::{Agent, Config};
use crate::kube::Store;
use crate::kube::types::pod::Pod;
use crate::kube::types::workload::{DaemonSet, Deployment, Helm, Map};
use crate::report::{Finding, Verdict};

/// The agent's Deployment.
const AGENT: &str = "castai-agent";
/// Where a chart notes its name and version.
const CHART: &str = "helm.sh/chart";
/// Stands where the cluster's id is not known.
const NO_ID: &str = "$CLUSTER_ID";

/// The logs in which a refusal would stand, and what the command that ends it needs.
#[derive(Debug)]
pub struct Refusals {
    store: Arc<Store>,
    agent: Agent,
    /// The cluster's id, where the agent was told.
    id: Option<String>,
    logs: Mutex<Logs>,
}

/// What the logs tell.
#[derive(Debug)]
pub struct Heard {
    /// The refusals that hold now.
    pub refusals: Vec<Refusal>,
    /// What could not be read.
    pub gaps: Gaps,
    /// Where nothing could: the verdict of a check that needs the logs.
    pub nothing: Option<Verdict>,
}

/// A refusal.
#[derive(Debug)]
pub struct Refusal {
    /// Whose log tells it.
    pub pod: String,
    /// 401 or 403.
    pub mode: FailureMode,
    /// The log's words, and when.
    pub sentence: String,
}

/// What the command that gives a component a new token says of it.
#[derive(Clone, Copy, Debug)]
pub struct Installed<'a> {
    name: &'a str,
    labels: &'a Map,
    helm: &'a Helm,
}

impl<'a> From<&'a Deployment> for Installed<'a> {
    fn from(deployment: &'a Deployment) -> Self {
        Self {
            name: &deployment.name,
            labels: &deployment.labels,
            helm: &deployment.helm,
        }
    }
}

impl<'a> From<&'a DaemonSet> for Installed<'a> {
    fn from(set: &'a DaemonSet) -> Self {
        Self {
            name: &set.name,
            labels: &set.labels,
            helm: &set.helm,
        }
    }
}

impl Refusals {
    /// Nothing was read yet.
    pub fn new(config: &Config, world: &CheckContext) -> Self {
        let (store, agent, id) = (
            Arc::clone(&world.store),
            config.agent.clone(),
            config.castai.cluster_id.clone(),
        );
        Self {
            store,
            agent,
            id,
            logs: Mutex::new(Logs::of(REFUSED_MODES)),
        }
    }

    /// Reads on, and says what holds now, though not all may have been read.
    pub async fn heard(&self, of: Vec<Container>) -> Heard {
        let mut logs = self.logs.lock().await;
        logs.meet(of);
        let now = Timestamp::now();
        let nothing = logs.wind(&self.store.door, now).await.err();
        let refusals = logs
            .reels()
            .iter()
            .filter_map(|reel| Refusal::of(reel, now))
            .collect();
        let gaps = nothing
            .as_ref()
            .map_or_else(|| logs.gaps().clone(), Gaps::everywhere);
        Heard {
            refusals,
            gaps,
            nothing,
        }
    }

    /// A refusal with the command that gives the component a new token, and with what was seen of it.
    pub async fn finding(
        &self,
        refusal: &Refusal,
        scene: &Scene,
        installed: Installed<'_>,
    ) -> Finding {
        let id = cluster_id::find(self.id.as_deref(), &self.agent, &self.store.door)
            .await
            .ok();
        let renewal = renewal(scene, &self.store.namespace, installed, id.as_deref());
        Finding::new(refusal.mode, format!("{}; {renewal}", refusal.sentence))
    }
}

impl Refusal {
    fn of(reel: &Reel, now: Timestamp) -> Option<Self> {
        let Container { pod, name, .. } = &reel.container;
        let trouble = reel.story.troubles(reel.moment(now)).into_iter().next()?;
        let sentence = format!(
            "{pod}/{name} said {}: {}",
            trouble.often(),
            excerpt(&trouble.words)
        );
        Some(Self {
            pod: pod.clone(),
            mode: trouble.mode,
            sentence,
        })
    }
}

/// The containers of this name whose log is read, of so many pods at most, those that are ready first.
pub fn logs_of<'a>(
    namespace: &str,
    pods: impl Iterator<Item = &'a Pod>,
    name: &str,
    most: usize,
) -> Vec<Container> {
    let mut pods: Vec<&Pod> = pods.filter(|pod| !pod.ending && !pod.is_over()).collect();
    pods.sort_by_key(|pod| (!pod.is_ready(), pod.name.as_str()));
    containers(namespace, pods.into_iter().take(most), &[name])
}

/// The command that gives a component a new token.
fn renewal(scene: &Scene, namespace: &str, installed: Installed<'_>, id: Option<&str>) -> String {
    let Installed { name, labels, helm } = installed;
    let chart = labels
        .get(CHART)
        .and_then(|chart| chart.rsplit_once('-'))
        .map_or(name, |(chart, _)| chart);
    let release = helm.release.as_deref();
    let of_release = |other: &&str| {
        scene
            .deployments
            .iter()
            .any(|one| one.name == **other && one.helm.release.as_deref() == release)
    };
    // One release of all components: its chart is another one, and this command would put this chart in its place.
    if let Some(release) = release.filter(|_| name != AGENT && of_release(&AGENT)) {
        return format!(
            "its token was invalidated: it belongs to the Helm release {release}, as the agent does; give that release \
             a new key for {chart} (castai.apiKey)"
        );
    }
    let release = release.unwrap_or(chart.trim_start_matches("castai-"));
    let id = id.unwrap_or(NO_ID);
    format!(
        "its token was invalidated: helm repo update && helm upgrade -i {release} castai-helm/{chart} -n {namespace} \
         --set castai.apiKey=$CASTAI_API_TOKEN --set castai.clusterID={id}"
    )
}
