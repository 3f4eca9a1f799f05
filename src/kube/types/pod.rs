//! Pods of the agent's namespace (`v1`).

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Deserialize;

use crate::kube::types::cached_object::{CachedObject, condition_bytes, slice_bytes, text_bytes};
use crate::kube::types::lenient;
use crate::kube::types::object::{Condition, Object, bounded_text, condition};

/// The container of the exporter in the agent's pod.
const EXPORTER_CONTAINER: &str = "castai-health-exporter";

/// A pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The unique ID.
    pub uid: String,
    /// The name.
    pub name: String,
    /// The node that it is assigned to; empty before it is scheduled.
    pub node: String,
    /// The unique ID of the managing controller.
    pub owner: Option<String>,
    /// The kind of the managing controller.
    pub owner_kind: OwnerKind,
    /// Time of creation.
    pub created: Option<Timestamp>,
    /// Whether the pod is being deleted.
    pub terminating: bool,
    /// The IP address.
    pub address: Option<IpAddr>,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// The reason for the failure of the whole pod, such as `Evicted`.
    pub reason: String,
    /// The message that belongs to the reason.
    pub message: String,
    /// The conditions, such as `PodScheduled`.
    pub conditions: Vec<Condition>,
    /// The statuses of its containers, init containers first.
    pub containers: Vec<ContainerStatus>,
    /// Whether the exporter is one of its containers.
    pub has_exporter: bool,
    /// Whether a label prevents the injection of the exporter.
    pub opts_out_of_exporter: bool,
}

/// The kind of a pod's managing controller.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OwnerKind {
    /// A `DaemonSet`, which runs a pod on every node.
    DaemonSet,
    /// Another kind, or no controller.
    Other,
}

/// The status of a container, as the kubelet last reported it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStatus {
    /// The name.
    pub name: String,
    /// The image.
    #[serde(default)]
    pub image: String,
    /// Whether the readiness probe succeeds.
    #[serde(default)]
    pub ready: bool,
    /// Number of restarts.
    #[serde(default, deserialize_with = "lenient::count")]
    pub restart_count: u32,
    /// The current state.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub state: ContainerState,
    /// The previous state.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub last_state: ContainerState,
    /// Whether it is an init container, which is expected to exit.
    #[serde(skip)]
    pub init: bool,
}

/// The state of a container: at most one of the fields is set.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ContainerState {
    /// Not started, or not restarted yet.
    pub waiting: Option<ContainerWaiting>,
    /// Running.
    pub running: Option<ContainerRunning>,
    /// Exited.
    pub terminated: Option<ContainerTerminated>,
}

/// A container that is not running yet.
#[derive(Clone, Debug, Deserialize)]
pub struct ContainerWaiting {
    /// The reason, such as `CrashLoopBackOff`.
    #[serde(default)]
    pub reason: String,
    /// The message for people.
    #[serde(default, deserialize_with = "bounded_text")]
    pub message: String,
}

/// A running container.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerRunning {
    /// Time of its start.
    #[serde(default, deserialize_with = "lenient::time")]
    pub started_at: Option<Timestamp>,
}

/// A container that exited.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerTerminated {
    /// The exit code.
    #[serde(default, deserialize_with = "lenient::exit_code")]
    pub exit_code: i32,
    /// The reason, such as `Completed`, `Error` or `OOMKilled`.
    #[serde(default)]
    pub reason: String,
    /// The termination message.
    #[serde(default, deserialize_with = "bounded_text")]
    pub message: String,
    /// Time of its start.
    #[serde(default, deserialize_with = "lenient::time")]
    pub started_at: Option<Timestamp>,
    /// Time of its exit.
    #[serde(default, deserialize_with = "lenient::time")]
    pub finished_at: Option<Timestamp>,
}

/// The labels of a pod that the exporter reads.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct InjectionLabel {
    #[serde(rename = "castai-health-exporter/inject")]
    inject: Option<String>,
}

/// A pod spec of which only the node and the containers' names are kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeAndContainerNames {
    #[serde(deserialize_with = "lenient::or_default")]
    node_name: String,
    #[serde(deserialize_with = "lenient::list")]
    containers: Vec<ContainerName>,
}

#[derive(Clone, Debug, Deserialize)]
struct ContainerName {
    name: String,
}

/// The status of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    reason: String,
    #[serde(deserialize_with = "bounded_text")]
    message: String,
    #[serde(deserialize_with = "lenient::list")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "lenient::list")]
    init_container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "lenient::list")]
    container_statuses: Vec<ContainerStatus>,
}

impl CachedObject for Pod {
    type Raw = Object<NodeAndContainerNames, PodStatus, InjectionLabel>;
    const MAX_CACHED: usize = 2000;
    const MAX_CACHED_BYTES: usize = 4 << 20;

    fn from_raw(raw: Self::Raw, previous: Option<&Self>) -> Option<Self> {
        let Object {
            metadata,
            spec,
            status,
        } = raw;
        let mut containers = status.init_container_statuses;
        for container in &mut containers {
            container.init = true;
        }
        containers.extend(status.container_statuses);
        if let Some(previous) = previous {
            for container in &mut containers {
                container.restore_image_failure(previous);
            }
        }
        let owner = metadata.controller();
        Some(Self {
            owner_kind: match owner {
                Some(owner) if owner.kind == "DaemonSet" => OwnerKind::DaemonSet,
                _ => OwnerKind::Other,
            },
            owner: owner.map(|owner| owner.uid.clone()),
            uid: metadata.uid,
            name: metadata.name,
            node: spec.node_name,
            created: metadata.creation_timestamp,
            terminating: metadata.deletion_timestamp.is_some(),
            address: status.pod_ip.and_then(|address| address.parse().ok()),
            phase: status.phase,
            reason: status.reason,
            message: status.message,
            conditions: status.conditions,
            containers,
            has_exporter: spec
                .containers
                .iter()
                .any(|container| container.name == EXPORTER_CONTAINER),
            opts_out_of_exporter: metadata.labels.inject.as_deref() == Some("false"),
        })
    }

    fn allocated_bytes(&self) -> usize {
        let Self {
            uid,
            name,
            node,
            owner,
            phase,
            reason,
            message,
            ..
        } = self;
        let owner = owner.as_deref().unwrap_or_default();
        text_bytes([uid.as_str(), name, node, owner, phase, reason, message])
            + condition_bytes(&self.conditions)
            + slice_bytes(&self.containers, ContainerStatus::allocated_bytes)
    }

    /// Retains the pods of Deployments, then `DaemonSet` pods that are not ready, then the newest.
    fn retention_rank(&self) -> (u8, i64) {
        let rank = match self.owner_kind {
            OwnerKind::Other => 2,
            OwnerKind::DaemonSet => u8::from(!self.is_ready()),
        };
        (rank, self.created.map_or(0, Timestamp::as_second))
    }
}

impl Pod {
    /// Returns whether the condition `Ready` is true.
    pub fn is_ready(&self) -> bool {
        condition(&self.conditions, "Ready").is_some_and(|ready| ready.status == "True")
    }

    /// Returns whether the node controller marked the pod as not ready because its node is
    /// unreachable.
    ///
    /// Its kubelet then still reports every container as ready.
    pub fn is_on_unreachable_node(&self) -> bool {
        let mut containers = self
            .containers
            .iter()
            .filter(|container| !container.init)
            .peekable();
        !self.is_ready()
            && containers.peek().is_some()
            && containers.all(|container| container.ready)
    }

    /// Returns whether the phase is `Failed` or `Succeeded`.
    pub fn is_finished(&self) -> bool {
        matches!(self.phase.as_str(), "Failed" | "Succeeded")
    }

    /// Returns the container with this name.
    pub fn container(&self, name: &str) -> Option<&ContainerStatus> {
        self.containers
            .iter()
            .find(|container| container.name == name)
    }
}

impl ContainerStatus {
    /// Returns the last exit, even if the container is running again.
    pub fn last_exit(&self) -> Option<&ContainerTerminated> {
        self.state
            .terminated
            .as_ref()
            .or(self.last_state.terminated.as_ref())
    }

    fn allocated_bytes(&self) -> usize {
        let states = [&self.state, &self.last_state];
        let waiting = states.iter().filter_map(|state| state.waiting.as_ref());
        let waiting = waiting.flat_map(|waiting| [waiting.reason.as_str(), &waiting.message]);
        let exits = states.iter().filter_map(|state| state.terminated.as_ref());
        let exits = exits.flat_map(|exit| [exit.reason.as_str(), &exit.message]);
        text_bytes([self.name.as_str(), &self.image]) + text_bytes(waiting) + text_bytes(exits)
    }

    /// Old kubelets report the cause only during a pull attempt; the back-off keeps the previous
    /// cause.
    fn restore_image_failure(&mut self, previous: &Pod) {
        let Some(waiting) = self
            .state
            .waiting
            .as_mut()
            .filter(|waiting| waiting.is_back_off_without_cause())
        else {
            return;
        };
        let known = previous
            .container(&self.name)
            .and_then(|known| known.state.waiting.as_ref());
        if let Some(known) =
            known.filter(|known| known.is_image_failure() && !known.is_back_off_without_cause())
        {
            waiting.message.clone_from(&known.message);
        }
    }
}

impl ContainerWaiting {
    /// Returns whether the container is waiting because its image cannot be pulled.
    pub fn is_image_failure(&self) -> bool {
        const REASONS: &[&str] = &[
            "ErrImagePull",
            "ImagePullBackOff",
            "ImageInspectError",
            "InvalidImageName",
            "ErrImageNeverPull",
            "RegistryUnavailable",
            "SignatureValidationFailed",
            "ErrImageNotEnsured",
        ];
        REASONS.contains(&self.reason.as_str())
    }

    /// Returns whether the message states only a back-off. Newer kubelets append the cause to the
    /// image name.
    pub fn is_back_off_without_cause(&self) -> bool {
        let is_back_off =
            self.message.is_empty() || self.message.starts_with("Back-off pulling image");
        self.reason == "ImagePullBackOff" && is_back_off && !self.message.contains("\": ")
    }
}

impl ContainerTerminated {
    /// Returns the run time in seconds.
    pub fn run_seconds(&self) -> Option<i64> {
        Some(self.finished_at?.as_second() - self.started_at?.as_second())
    }
}
