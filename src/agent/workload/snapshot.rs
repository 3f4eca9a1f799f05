//! The workloads, pods and events of the agent's namespace at one moment.

use std::sync::Arc;

use jiff::Timestamp;

use crate::agent::workload::exits::{ContainerExits, ExitTracker, KnownExits};
use crate::agent::workload::kill_events::{explains, is_kill_event};
use crate::kube::types::event::Event;
use crate::kube::types::pod::{ContainerStatus, Pod};
use crate::kube::types::workload::{DaemonSet, Deployment, ReplicaSet};
use crate::kube::{ClientError, Store};

/// Time for which a pod is new, in seconds; its node may be new as well.
const NEW_POD_SECONDS: i64 = 5 * 60;

/// The agent's namespace at one moment.
#[derive(Debug)]
pub struct NamespaceSnapshot {
    /// The Deployments.
    pub deployments: Vec<Arc<Deployment>>,
    pub(super) replica_sets: Vec<Arc<ReplicaSet>>,
    pub(super) pods: Vec<Arc<Pod>>,
    pub(super) events: Vec<Arc<Event>>,
    pub(super) exits: KnownExits,
    pub(super) now: Timestamp,
}

impl NamespaceSnapshot {
    /// Reads the watched resources of the namespace.
    ///
    /// # Errors
    /// If a resource cannot be read.
    pub async fn read(store: &Store) -> Result<Self, ClientError> {
        Ok(Self {
            deployments: store.deployments.read().await?,
            replica_sets: store.replica_sets.read().await?,
            pods: store.pods.read().await?,
            events: store.events.read().await?,
            exits: KnownExits::new(),
            now: Timestamp::now(),
        })
    }

    /// Adds the exits that earlier snapshots contained, and remembers those of this one.
    #[must_use]
    pub fn with_exits(mut self, tracker: &ExitTracker) -> Self {
        let pods = self.pods.iter().map(AsRef::as_ref);
        self.exits = tracker.update(pods, |pod, container| self.has_kill_event(pod, container));
        self
    }

    /// Returns the known exits of a container.
    pub(super) fn exits_of(
        &self,
        pod: &Pod,
        container: &ContainerStatus,
    ) -> Option<&ContainerExits> {
        self.exits.get(&(pod.uid.clone(), container.name.clone()))
    }

    /// Returns the Deployment with this name.
    pub fn deployment(&self, name: &str) -> Option<&Deployment> {
        self.deployments
            .iter()
            .map(AsRef::as_ref)
            .find(|deployment| deployment.name == name)
    }

    /// Returns the pods of a Deployment by owner, not by labels.
    pub fn pods_of<'a>(&'a self, deployment: &'a Deployment) -> impl Iterator<Item = &'a Pod> {
        let sets: Vec<&str> = self
            .replica_sets_of(deployment)
            .map(|set| set.uid.as_str())
            .collect();
        self.pods.iter().map(AsRef::as_ref).filter(move |pod| {
            pod.owner
                .as_deref()
                .is_some_and(|owner| sets.contains(&owner))
        })
    }

    /// Returns the pods of a `DaemonSet`.
    pub fn pods_of_daemon_set<'a>(&'a self, set: &'a DaemonSet) -> impl Iterator<Item = &'a Pod> {
        self.pods
            .iter()
            .map(AsRef::as_ref)
            .filter(|pod: &&Pod| pod.owner.as_ref() == Some(&set.uid))
    }

    pub(super) fn replica_sets_of<'a>(
        &'a self,
        deployment: &'a Deployment,
    ) -> impl Iterator<Item = &'a ReplicaSet> {
        let sets = self.replica_sets.iter().map(AsRef::as_ref);
        sets.filter(|set: &&ReplicaSet| set.owner.as_deref() == Some(deployment.uid.as_str()))
    }

    /// Returns whether a pod was created so recently that its node may be new as well.
    pub(super) fn is_new(&self, pod: &Pod) -> bool {
        pod.created
            .is_none_or(|at| self.now.as_second() - at.as_second() < NEW_POD_SECONDS)
    }

    /// Returns the newest event about an object that matches.
    pub(super) fn newest_event(
        &self,
        uid: &str,
        matches: impl Fn(&Event) -> bool,
    ) -> Option<&Event> {
        self.events
            .iter()
            .map(AsRef::as_ref)
            .filter(|event: &&Event| event.involved_uid == uid && matches(event))
            .max_by_key(|event| event.last)
    }

    /// Returns the age of an event in seconds.
    pub(super) fn age(&self, event: &Event) -> i64 {
        event
            .last
            .map_or(i64::MAX, |last| self.now.as_second() - last.as_second())
    }

    /// Returns whether an event states that the kubelet killed the container at its last exit.
    pub(super) fn has_kill_event(&self, pod: &Pod, container: &ContainerStatus) -> bool {
        let Some(exit) = container.last_exit() else {
            return false;
        };
        self.newest_event(&pod.uid, |event| {
            is_kill_event(event, container) && explains(event, exit)
        })
        .is_some()
    }
}
