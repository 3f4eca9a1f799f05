//! Everything that is watched in the cluster: a collection for each kind of object.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::catalogue::{CheckId, Right, permission};
use crate::kube::types::Kept;
use crate::kube::types::config_map::AgentMetadata;
use crate::kube::types::event::Event;
use crate::kube::types::lease::Lease;
use crate::kube::types::node::Node;
use crate::kube::types::pending_image_pod::WaitingPod;
use crate::kube::types::pod::Pod;
use crate::kube::types::workload::{DaemonSet, Deployment, ReplicaSet};
use crate::kube::{Collection, Door};

/// What is watched. Checks read it; feeds fill it.
#[derive(Debug)]
pub struct Store {
    /// The agent's namespace.
    pub namespace: String,
    /// How the API is reached, for what is read once and not watched.
    pub door: Arc<Door>,
    /// The Deployments of the agent's namespace.
    pub deployments: Arc<Collection<Deployment>>,
    /// Its `ReplicaSets`.
    pub replica_sets: Arc<Collection<ReplicaSet>>,
    /// Its `DaemonSets`.
    pub daemon_sets: Arc<Collection<DaemonSet>>,
    /// Its pods.
    pub pods: Arc<Collection<Pod>>,
    /// Its events.
    pub events: Arc<Collection<Event>>,
    /// Its leases.
    pub leases: Arc<Collection<Lease>>,
    /// What the agent noted of itself.
    pub metadata: Arc<Collection<AgentMetadata>>,
    /// The cluster's nodes.
    pub nodes: Arc<Collection<Node>>,
    /// The pods of the cluster that wait for an image in vain.
    pub waiting: Arc<Collection<WaitingPod>>,
}

/// What fills one collection, for as long as it is driven.
#[derive(Clone)]
pub struct Feed {
    door: Arc<Door>,
    collection: Arc<dyn Followed>,
}

/// A collection, whatever it holds.
trait Followed: Send + Sync {
    fn right(&self) -> &'static Right;
    fn forget(&self);
    fn follow<'a>(&'a self, door: &'a Door) -> BoxFuture<'a, ()>;
}

impl<K: Kept> Followed for Collection<K> {
    fn right(&self) -> &'static Right {
        Collection::right(self)
    }

    fn forget(&self) {
        Collection::forget(self);
    }

    fn follow<'a>(&'a self, door: &'a Door) -> BoxFuture<'a, ()> {
        Box::pin(Collection::follow(self, door))
    }
}

impl Store {
    /// A store of which nothing is filled yet.
    pub fn new(door: Door, namespace: &str) -> Self {
        let of = |api: &str, resource: &str| format!("{api}/namespaces/{namespace}/{resource}");
        Self {
            namespace: namespace.to_owned(),
            door: Arc::new(door),
            deployments: collection(
                permission::DEPLOYMENTS,
                of("/apis/apps/v1", "deployments"),
                None,
            ),
            replica_sets: collection(
                permission::REPLICA_SETS,
                of("/apis/apps/v1", "replicasets"),
                None,
            ),
            daemon_sets: collection(
                permission::DAEMON_SETS,
                of("/apis/apps/v1", "daemonsets"),
                None,
            ),
            pods: collection(permission::PODS, of("/api/v1", "pods"), None),
            events: collection(permission::EVENTS, of("/api/v1", "events"), None),
            leases: collection(
                permission::LEASES,
                of("/apis/coordination.k8s.io/v1", "leases"),
                None,
            ),
            metadata: collection(
                permission::METADATA,
                of("/api/v1", "configmaps"),
                // A role that names one object allows no other list.
                Some("metadata.name%3Dcastai-agent-metadata"),
            ),
            nodes: collection(permission::NODES, "/api/v1/nodes".to_owned(), None),
            waiting: collection(
                permission::WAITING_PODS,
                "/api/v1/pods".to_owned(),
                Some("status.phase%3DPending"),
            ),
        }
    }

    /// The feeds of those collections that one of these checks needs.
    pub fn feeds(&self, checks: &[CheckId]) -> Vec<Feed> {
        self.all_feeds()
            .into_iter()
            .filter(|feed| feed.serves(checks))
            .collect()
    }

    /// The feeds of all collections.
    pub fn all_feeds(&self) -> Vec<Feed> {
        let all: [Arc<dyn Followed>; 9] = [
            self.deployments.clone(),
            self.replica_sets.clone(),
            self.daemon_sets.clone(),
            self.pods.clone(),
            self.events.clone(),
            self.leases.clone(),
            self.metadata.clone(),
            self.nodes.clone(),
            self.waiting.clone(),
        ];
        all.into_iter()
            .map(|collection| Feed {
                door: Arc::clone(&self.door),
                collection,
            })
            .collect()
    }
}

impl Feed {
    /// Whether one of these checks reads its collection.
    pub fn serves(&self, checks: &[CheckId]) -> bool {
        self.collection
            .right()
            .checks
            .iter()
            .any(|check| checks.contains(check))
    }

    /// Forgets what the collection holds: whoever reads it waits for a new list.
    pub fn forget(&self) {
        self.collection.forget();
    }

    /// Fills the collection until something ends it.
    pub async fn follow(&self) {
        self.collection.follow(&self.door).await;
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("resource", &self.collection.right().resource)
            .finish_non_exhaustive()
    }
}

fn collection<K: Kept>(
    right: &'static Right,
    path: String,
    selector: Option<&'static str>,
) -> Arc<Collection<K>> {
    Arc::new(Collection::new(right, path, selector))
}
