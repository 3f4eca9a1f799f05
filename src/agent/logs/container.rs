//! A container with a log that is followed.

use jiff::Timestamp;

use crate::kube::types::pod::{ContainerStatus, Pod};

/// A container with a log that is followed, as the kubelet last reported it.
#[derive(Clone, Debug)]
pub struct LogContainer {
    /// The namespace of the pod.
    pub namespace: String,
    /// The name of the pod.
    pub pod: String,
    /// The node of the pod; empty if it is not known.
    pub node: String,
    /// The unique ID of the pod.
    pub uid: String,
    /// The name of the container.
    pub name: String,
    /// Number of restarts.
    pub restarts: u32,
    /// Start of the current run; `None` if the container is not running.
    pub running_since: Option<Timestamp>,
    /// Start and end of the last completed run.
    pub last_run: Option<(Timestamp, Timestamp)>,
    /// Exit code and reason of the last completed run.
    pub last_exit: String,
}

impl LogContainer {
    /// Returns the containers of these names in the pods of a namespace.
    pub fn of_pods<'a>(
        namespace: &str,
        pods: impl Iterator<Item = &'a Pod>,
        names: &[&str],
    ) -> Vec<Self> {
        pods.flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)))
            .filter(|(_, container)| names.contains(&container.name.as_str()))
            .map(|(pod, container)| Self::new(namespace, pod, container))
            .collect()
    }

    /// Returns a container of which only the names are known, as if it had run since a time.
    /// Whether it exists shows when its log is read.
    pub fn named(namespace: &str, pod: &str, name: &str, since: Timestamp) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            node: String::new(),
            uid: String::new(),
            name: name.to_owned(),
            restarts: 0,
            running_since: Some(since),
            last_run: None,
            last_exit: String::new(),
        }
    }

    fn new(namespace: &str, pod: &Pod, container: &ContainerStatus) -> Self {
        let exit = container.last_exit();
        Self {
            namespace: namespace.to_owned(),
            pod: pod.name.clone(),
            node: pod.node.clone(),
            uid: pod.uid.clone(),
            name: container.name.clone(),
            restarts: container.restart_count,
            running_since: container
                .state
                .running
                .as_ref()
                .and_then(|running| running.started_at),
            last_run: exit.and_then(|exit| Some((exit.started_at?, exit.finished_at?))),
            last_exit: exit.map_or_else(String::new, |exit| {
                format!("exit code {}, {}", exit.exit_code, exit.reason)
            }),
        }
    }

    /// Returns the key by which containers are ordered.
    pub(super) fn sort_key(&self) -> (&str, &str) {
        (&self.pod, &self.name)
    }
}
