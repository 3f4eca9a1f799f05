//! Pods of the agent's namespace (`v1`).

use jiff::Timestamp;
use serde::Deserialize;

use crate::kube::types::{Condition, Kept, Meta, condition, raw, text};

/// This exporter's container in a pod of the agent.
const EXPORTER: &str = "castai-health-exporter";

/// A pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its uid.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// The uid of what manages it: a `ReplicaSet`, a `DaemonSet`.
    pub owner: Option<String>,
    /// What kind of object manages it.
    pub manager: Manager,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether its end was asked for.
    pub ending: bool,
    /// The node it was given to.
    pub node: Option<String>,
    /// Its address.
    pub ip: Option<String>,
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// Why it failed as a whole: `Evicted`, …
    pub reason: String,
    /// The same for people.
    pub message: String,
    /// `PodScheduled`, `Ready`, …
    pub conditions: Vec<Condition>,
    /// Its containers, those that only prepare it first.
    pub containers: Vec<Container>,
    /// Whether this exporter is one of its containers, started or not.
    pub has_exporter: bool,
    /// Whether its label keeps this exporter out of it.
    pub keeps_exporter_out: bool,
}

/// What kind of object manages a pod.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Manager {
    /// A `DaemonSet`, which has a pod on every node.
    DaemonSet,
    /// Anything else, or nothing.
    Other,
}

/// A container of a pod, as the kubelet last saw it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    #[serde(default)]
    pub image: String,
    /// Whether its readiness probe is content.
    #[serde(default)]
    pub ready: bool,
    /// How often it was started again.
    #[serde(default)]
    pub restart_count: u32,
    /// What it does now.
    #[serde(default)]
    pub state: State,
    /// What it did before.
    #[serde(default)]
    pub last_state: State,
    /// Whether it only prepares the pod: its end is no fault.
    #[serde(skip)]
    pub init: bool,
}

/// What a container does; at most one of them.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct State {
    /// It does not run yet, or not again.
    pub waiting: Option<Waiting>,
    /// It runs.
    pub running: Option<Running>,
    /// It has ended.
    pub terminated: Option<Terminated>,
}

/// Why a container does not run.
#[derive(Clone, Debug, Deserialize)]
pub struct Waiting {
    /// For machines.
    #[serde(default)]
    pub reason: String,
    /// For people.
    #[serde(default, deserialize_with = "text")]
    pub message: String,
}

/// A container that runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// Since when.
    pub started_at: Option<Timestamp>,
}

/// A container that has ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terminated {
    /// Its exit code.
    #[serde(default)]
    pub exit_code: i32,
    /// `Completed`, `Error`, `OOMKilled`, …
    #[serde(default)]
    pub reason: String,
    /// What it left as its last word.
    #[serde(default, deserialize_with = "text")]
    pub message: String,
    /// When it had begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What is read of a pod.
#[derive(Debug, Deserialize)]
pub struct RawPod {
    metadata: Meta<Labels>,
    #[serde(default)]
    spec: RawSpec,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Debug, Default, Deserialize)]
struct Labels {
    #[serde(rename = "castai-health-exporter/inject")]
    inject: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSpec {
    node_name: Option<String>,
    containers: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawStatus {
    phase: String,
    reason: String,
    #[serde(deserialize_with = "text")]
    message: String,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    conditions: Vec<Condition>,
    init_container_statuses: Vec<Container>,
    container_statuses: Vec<Container>,
}

raw!(RawPod);

impl Kept for Pod {
    type Raw = RawPod;
    const MOST: usize = 2000;

    fn keep(raw: RawPod, before: Option<&Self>) -> Option<Self> {
        let RawPod {
            metadata,
            spec,
            status,
        } = raw;
        let mut containers = status.init_container_statuses;
        for container in &mut containers {
            container.init = true;
        }
        containers.extend(status.container_statuses);
        if let Some(before) = before {
            for container in &mut containers {
                container.recall(before);
            }
        }
        Some(Self {
            manager: match metadata.manager() {
                Some(owner) if owner.kind == "DaemonSet" => Manager::DaemonSet,
                _ => Manager::Other,
            },
            owner: metadata.controller().map(str::to_owned),
            uid: metadata.uid,
            name: metadata.name,
            created: metadata.creation_timestamp,
            ending: metadata.deletion_timestamp.is_some(),
            node: spec.node_name,
            ip: status.pod_ip,
            phase: status.phase,
            reason: status.reason,
            message: status.message,
            conditions: status.conditions,
            containers,
            has_exporter: spec
                .containers
                .iter()
                .any(|container| container.name == EXPORTER),
            keeps_exporter_out: metadata.labels.inject.as_deref() == Some("false"),
        })
    }

    /// First those of Deployments are kept, then what is not ready, then the newest.
    fn worth(&self) -> (u8, i64) {
        let rank = match self.manager {
            Manager::Other => 2,
            Manager::DaemonSet => u8::from(!self.is_ready()),
        };
        (rank, self.created.map_or(0, Timestamp::as_second))
    }
}

impl Pod {
    /// Whether it is ready to serve.
    pub fn is_ready(&self) -> bool {
        condition(&self.conditions, "Ready").is_some_and(|ready| ready.status == "True")
    }

    /// Whether its kubelet's last word was that it is ready, and its node is not heard of any more.
    pub fn is_unheard_of(&self) -> bool {
        let mut lasting = self
            .containers
            .iter()
            .filter(|container| !container.init)
            .peekable();
        !self.is_ready() && lasting.peek().is_some() && lasting.all(|container| container.ready)
    }

    /// Whether it is no more than a record of what happened to it.
    pub fn is_over(&self) -> bool {
        matches!(self.phase.as_str(), "Failed" | "Succeeded")
    }

    /// The container of this name.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers
            .iter()
            .find(|container| container.name == name)
    }
}

impl Container {
    /// The latest end of this container: it may be over now, or run again.
    pub fn ended(&self) -> Option<&Terminated> {
        self.state
            .terminated
            .as_ref()
            .or(self.last_state.terminated.as_ref())
    }

    /// Old kubelets say why an image cannot be pulled only while they try; the reason is kept over the pause.
    fn recall(&mut self, before: &Pod) {
        let Some(waiting) = self
            .state
            .waiting
            .as_mut()
            .filter(|waiting| waiting.says_only_back_off())
        else {
            return;
        };
        let known = before
            .container(&self.name)
            .and_then(|known| known.state.waiting.as_ref());
        if let Some(known) =
            known.filter(|known| known.is_about_an_image() && !known.says_only_back_off())
        {
            waiting.message.clone_from(&known.message);
        }
    }
}

impl Waiting {
    /// Whether it waits for its image, in vain so far.
    pub fn is_about_an_image(&self) -> bool {
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

    /// Whether it says that it pauses, and not why: newer kubelets put the reason behind the image's name.
    pub fn says_only_back_off(&self) -> bool {
        let pauses = self.message.is_empty() || self.message.starts_with("Back-off pulling image");
        self.reason == "ImagePullBackOff" && pauses && !self.message.contains("\": ")
    }
}

impl Terminated {
    /// How long it ran, in seconds.
    pub fn lasted(&self) -> Option<i64> {
        Some(self.finished_at?.as_second() - self.started_at?.as_second())
    }
}
