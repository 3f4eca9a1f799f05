//! Starts of pods: new ones, and those with a restarted container.

use jiff::Timestamp;

use crate::agent::workload::snapshot::NamespaceSnapshot;
use crate::kube::types::pod::{ContainerStatus, Pod};

/// Time that a start may take, in seconds.
///
/// A normal start of the agent takes up to 50 s: its first snapshot is complete after 36 s, and its
/// readiness probe runs after 30 s and then every 10 s.
const MAX_START_SECONDS: i64 = 60;

impl NamespaceSnapshot {
    /// Returns since when a pod that is not ready has been starting; `None` if that takes too long.
    ///
    /// A start begins when the pod is created, and again when a container of it exits or starts.
    pub(super) fn starting_since(&self, pod: &Pod) -> Option<Timestamp> {
        let containers = pod
            .containers
            .iter()
            .filter(|container| !container.ready)
            .filter_map(started_at);
        let since = pod.created.into_iter().chain(containers).max()?;
        let seconds = self.now.as_second() - since.as_second();
        let is_starting = !pod.is_ready() && !pod.is_on_unreachable_node();
        (is_starting && seconds < MAX_START_SECONDS).then_some(since)
    }

    /// Describes a start.
    pub(super) fn describe_start(&self, pod: &Pod, since: Timestamp) -> String {
        format!(
            "{} has been starting since {since:.0}, for {} s; a start may take {MAX_START_SECONDS} s",
            pod.name,
            self.now.as_second() - since.as_second()
        )
    }
}

fn started_at(container: &ContainerStatus) -> Option<Timestamp> {
    match &container.state.running {
        Some(running) => running.started_at,
        None => container.last_exit()?.finished_at,
    }
}
