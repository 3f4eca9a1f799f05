//! Reads the sidecars for a companion on demand, and keeps the result for half a minute.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::doctor::discovery::{DiscoveredExporters, sidecars};
use crate::doctor::exporter_pod::ExporterPod;
use crate::doctor::sidecar::SidecarView;
use crate::kube::Client;
use crate::net::Resolver;

/// Time for which a result is kept. A sidecar gets at most one request in this time.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// Deadline for the list of pods; a person waits for the page.
const LIST_TIMEOUT: Duration = Duration::from_secs(2);
/// Largest number of sidecars that are read.
const MAX_SIDECARS: usize = 8;

/// The sidecars of the agent's pods, at one moment.
#[derive(Clone, Debug)]
pub struct Sidecars {
    /// When they were read.
    pub read_at: SystemTime,
    /// The sidecars, by name.
    pub views: Vec<SidecarView>,
    /// Problems of the search, as sentences.
    pub problems: Vec<String>,
}

/// Reads the sidecars of an agent.
#[derive(Debug)]
pub struct SidecarReader {
    client: Client,
    resolver: Arc<Resolver>,
    namespace: String,
    kept_for: Duration,
    state: Mutex<ReaderState>,
}

#[derive(Debug, Default)]
struct ReaderState {
    /// The pods of the last list that succeeded.
    pods: Vec<ExporterPod>,
    latest: Option<(Instant, Arc<Sidecars>)>,
}

impl SidecarReader {
    /// Returns a reader for the sidecars in the agent's namespace.
    pub fn new(client: Client, resolver: Arc<Resolver>, namespace: &str) -> Self {
        Self {
            client,
            resolver,
            namespace: namespace.to_owned(),
            kept_for: KEPT_FOR,
            state: Mutex::default(),
        }
    }

    /// Keeps results for another time than half a minute.
    #[must_use]
    pub fn keeping_for(self, kept_for: Duration) -> Self {
        Self { kept_for, ..self }
    }

    /// Returns the sidecars. Reads them only if the last result is older than half a minute;
    /// callers at the same time share one result.
    pub async fn read(&self) -> Arc<Sidecars> {
        let mut state = self.state.lock().await;
        if let Some((read, latest)) = &state.latest
            && read.elapsed() < self.kept_for
        {
            return Arc::clone(latest);
        }
        let problems = self.list(&mut state.pods).await;
        let views = state
            .pods
            .iter()
            .map(|pod| SidecarView::read(&self.resolver, pod));
        let latest = Arc::new(Sidecars {
            views: join_all(views).await,
            problems,
            read_at: SystemTime::now(),
        });
        state.latest = Some((Instant::now(), Arc::clone(&latest)));
        latest
    }

    /// Replaces the pods by those that the API server lists; keeps them if it does not respond.
    async fn list(&self, pods: &mut Vec<ExporterPod>) -> Vec<String> {
        let listed = timeout(LIST_TIMEOUT, sidecars(&self.client, &self.namespace)).await;
        let listed = listed.unwrap_or_else(|_elapsed| DiscoveredExporters {
            pods: Vec::new(),
            problems: vec![format!(
                "sidecars could not be searched for: the API server took longer than \
                 {LIST_TIMEOUT:?}"
            )],
        });
        let mut problems = listed.problems;
        if listed.pods.is_empty() && !problems.is_empty() {
            return problems;
        }
        *pods = listed.pods;
        if pods.len() > MAX_SIDECARS {
            let left_out = pods.len() - MAX_SIDECARS;
            problems.push(format!(
                "{left_out} more sidecars were found and not read; the limit is {MAX_SIDECARS}"
            ));
            pods.truncate(MAX_SIDECARS);
        }
        problems
    }
}
