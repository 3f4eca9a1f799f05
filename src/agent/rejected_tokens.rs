//! Components with an invalidated CAST AI token, according to their own logs.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::agent::logs::{LogContainer, LogError, LogTail, LogTails, SkippedLogs, excerpt};
use crate::agent::workload::NamespaceSnapshot;
use crate::castai::cluster_id;
use crate::catalogue::mode_set::TOKEN_REJECTED;
use crate::catalogue::remedy::is_plain;
use crate::catalogue::{FailureMode, Placeholder};
use crate::config::{Agent, Config};
use crate::kube::Store;
use crate::kube::types::object::Map;
use crate::kube::types::pod::Pod;
use crate::kube::types::workload::{DaemonSet, Deployment};
use crate::report::Finding;

/// The agent's Deployment.
const AGENT_DEPLOYMENT: &str = "castai-agent";
/// The label with the name and version of a chart.
const CHART_LABEL: &str = "helm.sh/chart";

/// Scans component logs for rejected tokens.
#[derive(Debug)]
pub struct RejectedTokens {
    store: Arc<Store>,
    agent: Agent,
    /// The cluster ID in the agent's settings.
    cluster_id: Option<String>,
    logs: Mutex<LogTails>,
}

/// The result of a scan.
#[derive(Debug)]
pub struct RejectionScan {
    /// The rejections that hold now.
    pub rejections: Vec<RejectedToken>,
    /// The logs that were not read.
    pub skipped: SkippedLogs,
    /// The error if no log could be read.
    pub error: Option<LogError>,
}

/// A rejected token of one component.
#[derive(Debug)]
pub struct RejectedToken {
    /// The pod with the log.
    pub pod: String,
    /// The mode for 401 or 403.
    pub mode: FailureMode,
    /// The log message and its time.
    pub evidence: String,
}

/// A component and the chart metadata for the command that renews its token.
#[derive(Clone, Copy, Debug)]
pub struct InstalledComponent<'a> {
    name: &'a str,
    labels: &'a Map,
    helm_release: Option<&'a str>,
}

impl<'a> From<&'a Deployment> for InstalledComponent<'a> {
    fn from(deployment: &'a Deployment) -> Self {
        Self {
            name: &deployment.name,
            labels: &deployment.labels,
            helm_release: deployment.helm_release.as_deref(),
        }
    }
}

impl<'a> From<&'a DaemonSet> for InstalledComponent<'a> {
    fn from(set: &'a DaemonSet) -> Self {
        Self {
            name: &set.name,
            labels: &set.labels,
            helm_release: set.helm_release.as_deref(),
        }
    }
}

impl RejectedTokens {
    /// Returns a scanner that has read nothing yet.
    pub fn new(config: &Config, store: &Arc<Store>) -> Self {
        Self {
            store: Arc::clone(store),
            agent: config.agent.clone(),
            cluster_id: config.castai.cluster_id.clone(),
            logs: Mutex::new(LogTails::with_modes(TOKEN_REJECTED)),
        }
    }

    /// Reads the new lines of these containers and returns the rejections that hold now.
    pub async fn scan(&self, containers: Vec<LogContainer>) -> RejectionScan {
        let mut logs = self.logs.lock().await;
        logs.set_containers(containers);
        let now = Timestamp::now();
        let error = logs.poll(&self.store.client, now).await.err();
        let rejections = logs
            .tails()
            .iter()
            .filter_map(|tail| RejectedToken::from_tail(tail, now))
            .collect();
        let skipped = error
            .as_ref()
            .map_or_else(|| logs.skipped().clone(), SkippedLogs::all);
        RejectionScan {
            rejections,
            skipped,
            error,
        }
    }

    /// Returns the finding for a rejection, with the command that renews the token.
    pub async fn finding(
        &self,
        rejection: &RejectedToken,
        snapshot: &NamespaceSnapshot,
        component: InstalledComponent<'_>,
    ) -> Finding {
        let id = cluster_id::find(self.cluster_id.as_deref(), &self.agent, &self.store.client)
            .await
            .ok();
        let remedy = remedy(snapshot, component);
        let mut finding = Finding::new(rejection.mode, rejection.evidence.clone())
            .with_own_remedy(Some(remedy))
            .with_value(Placeholder::Namespace, &self.store.namespace);
        if let Some(id) = &id {
            finding = finding.with_value(Placeholder::ClusterId, id);
        }
        finding
    }
}

impl RejectedToken {
    fn from_tail(tail: &LogTail, now: Timestamp) -> Option<Self> {
        let LogContainer { pod, name, .. } = &tail.container;
        let incident = tail
            .tracker
            .active(tail.reference_time(now))
            .into_iter()
            .next()?;
        let evidence = format!(
            "{pod}/{name} logged {}: {}",
            incident.occurrences(),
            excerpt(&incident.message)
        );
        Some(Self {
            pod: pod.clone(),
            mode: incident.mode,
            evidence,
        })
    }
}

/// Returns the containers of a name in at most `limit` pods, ready pods first.
pub fn containers_to_scan<'a>(
    namespace: &str,
    pods: impl Iterator<Item = &'a Pod>,
    name: &str,
    limit: usize,
) -> Vec<LogContainer> {
    let mut pods: Vec<&Pod> = pods
        .filter(|pod| !pod.terminating && !pod.is_finished())
        .collect();
    pods.sort_by_key(|pod| (!pod.is_ready(), pod.name.as_str()));
    LogContainer::of_pods(namespace, pods.into_iter().take(limit), &[name])
}

/// Returns the steps that renew a component's token.
fn remedy(snapshot: &NamespaceSnapshot, component: InstalledComponent<'_>) -> String {
    let InstalledComponent {
        name,
        labels,
        helm_release,
    } = component;
    let chart = labels
        .get(CHART_LABEL)
        .and_then(|chart| chart.rsplit_once('-'))
        .map(|(chart, _)| chart)
        .filter(|chart| is_plain(chart))
        .unwrap_or(name);
    let shares_release_with_agent = || {
        snapshot.deployments.iter().any(|deployment| {
            deployment.name == AGENT_DEPLOYMENT
                && deployment.helm_release.as_deref() == helm_release
        })
    };
    let create_key = "Create a key in the console (API access keys)";
    // An annotation may hold anything, also a line that looks like a command.
    let plain_release = helm_release.filter(|release| is_plain(release));
    // An umbrella release has another chart, which the command below would replace by the
    // component's chart.
    if helm_release.is_some() && name != AGENT_DEPLOYMENT && shares_release_with_agent() {
        let release = plain_release.map_or_else(String::new, |release| format!(" {release}"));
        return format!(
            "{create_key} and set it for {chart} (castai.apiKey) in the Helm release{release}, \
             which the component shares with the agent."
        );
    }
    let release = plain_release.unwrap_or(chart.trim_start_matches("castai-"));
    format!(
        "{create_key}, export it as CASTAI_API_TOKEN, and renew the component's token:\n\
         $ helm repo update\n\
         $ helm upgrade -i {release} castai-helm/{chart} -n {{namespace}} --reuse-values --set \
         castai.apiKey=\"${{CASTAI_API_TOKEN:?set it first}}\" --set \
         castai.clusterID=\"{{cluster_id}}\""
    )
}
