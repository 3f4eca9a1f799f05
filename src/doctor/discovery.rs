//! Finds the exporters that watch an agent: sidecars in its pods and companions in any namespace.

use crate::config::Vantage;
use crate::doctor::exporter_pod::ExporterPod;
use crate::kube::{Client, ClientError};

/// Selects the companion in any namespace.
const COMPANION_SELECTOR: &str = "app.kubernetes.io/name=castai-health-exporter";
/// Leaves out the pods of `DaemonSet`s: there is one on every node, and no exporter among them.
const NO_DAEMON_SETS: &str = "!controller-revision-hash";
/// Largest number of exporters that are read.
const MAX_EXPORTERS: usize = 32;

/// The exporters that were found.
#[derive(Debug, Default)]
pub struct DiscoveredExporters {
    /// Their pods: sidecars first, by name.
    pub pods: Vec<ExporterPod>,
    /// Problems of the search, as sentences.
    pub problems: Vec<String>,
}

/// Finds the sidecars of the agent in a namespace.
pub async fn sidecars(client: &Client, agent_namespace: &str) -> DiscoveredExporters {
    let mut found = DiscoveredExporters::default();
    found.search_beside_the_agent(client, agent_namespace).await;
    found.pods.retain(|pod| pod.vantage == Vantage::Sidecar);
    found.pods.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Finds the exporters of the agent in a namespace.
pub async fn exporters(client: &Client, agent_namespace: &str) -> DiscoveredExporters {
    let mut found = DiscoveredExporters::default();
    found.search_beside_the_agent(client, agent_namespace).await;
    // Without the permission in all namespaces, only a companion elsewhere is missed.
    let everywhere = "list pods in all namespaces, which finds a companion in another namespace";
    found
        .search(client, "/api/v1/pods", COMPANION_SELECTOR, everywhere)
        .await;
    let of_this_agent = |pod: &ExporterPod| match &pod.agent_namespace {
        Some(namespace) => namespace == agent_namespace,
        None => pod.namespace == agent_namespace || pod.vantage == Vantage::Companion,
    };
    found.pods.retain(of_this_agent);
    let order = |pod: &ExporterPod| {
        let is_companion = pod.vantage == Vantage::Companion;
        (is_companion, pod.namespace.clone(), pod.name.clone())
    };
    found.pods.sort_by_cached_key(order);
    // Both searches find a companion in the agent's namespace, perhaps in different states.
    found
        .pods
        .dedup_by(|a, b| (&a.namespace, &a.name) == (&b.namespace, &b.name));
    if found.pods.len() > MAX_EXPORTERS {
        let left_out = found.pods.len() - MAX_EXPORTERS;
        found.problems.push(format!(
            "{left_out} more exporters were found and not read; the limit is {MAX_EXPORTERS}"
        ));
        found.pods.truncate(MAX_EXPORTERS);
    }
    found
}

impl DiscoveredExporters {
    async fn search_beside_the_agent(&mut self, client: &Client, namespace: &str) {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let permission = format!("list pods in namespace {namespace}");
        self.search(client, &path, NO_DAEMON_SETS, &permission)
            .await;
    }

    async fn search(&mut self, client: &Client, path: &str, selector: &str, permission: &str) {
        let pods = &mut self.pods;
        let each = |item: &[u8]| pods.extend(ExporterPod::parse(item));
        match client.list(path, selector, permission, each).await {
            Ok(true) => {}
            Ok(false) => self.problems.push(format!(
                "not all pods were searched for exporters: the list at {path} is too long"
            )),
            Err(error @ ClientError::Forbidden { .. }) => self.problems.push(error.to_string()),
            Err(error) => self
                .problems
                .push(format!("exporters could not be searched for: {error}")),
        }
    }
}
