//! The reflectors of all watched resources.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::catalogue::{CheckId, Permission, permission};
use crate::kube::client::Client;
use crate::kube::reflector::Reflector;
use crate::kube::types::cached_object::CachedObject;
use crate::kube::types::event::Event;
use crate::kube::types::left_out::LeftOut;
use crate::kube::types::node::Node;
use crate::kube::types::pending_image_pod::PendingImagePod;
use crate::kube::types::pod::Pod;
use crate::kube::types::workload::{DaemonSet, Deployment, ReplicaSet};

/// The watched resources. Checks read them; [`WatchTask`]s fill them.
#[derive(Debug)]
pub struct Store {
    /// The agent's namespace.
    pub namespace: String,
    /// The client for reads that need no watch.
    pub client: Arc<Client>,
    /// The Deployments of the agent's namespace.
    pub deployments: Arc<Reflector<Deployment>>,
    /// The `ReplicaSets` of the agent's namespace.
    pub replica_sets: Arc<Reflector<ReplicaSet>>,
    /// The `DaemonSets` of the agent's namespace.
    pub daemon_sets: Arc<Reflector<DaemonSet>>,
    /// The pods of the agent's namespace.
    pub pods: Arc<Reflector<Pod>>,
    /// The events of the agent's namespace.
    pub events: Arc<Reflector<Event>>,
    /// The nodes of the cluster.
    pub nodes: Arc<Reflector<Node>>,
    /// The pods of all namespaces with an image that cannot be pulled.
    pub pending_image_pods: Arc<Reflector<PendingImagePod>>,
}

/// Fills one reflector while it runs.
#[derive(Clone)]
pub struct WatchTask {
    client: Arc<Client>,
    reflector: Arc<dyn AnyReflector>,
}

/// A reflector of any resource.
trait AnyReflector: Send + Sync {
    fn permission(&self) -> &'static Permission;
    fn left_out(&self) -> LeftOut;
    fn reset(&self);
    fn run<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, ()>;
}

impl<K: CachedObject> AnyReflector for Reflector<K> {
    fn permission(&self) -> &'static Permission {
        Reflector::permission(self)
    }

    fn left_out(&self) -> LeftOut {
        Reflector::left_out(self)
    }

    fn reset(&self) {
        Reflector::reset(self);
    }

    fn run<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, ()> {
        Box::pin(Reflector::run(self, client))
    }
}

impl Store {
    /// Returns a store with empty reflectors.
    pub fn new(client: Client, namespace: &str) -> Self {
        let here = Some(namespace);
        Self {
            namespace: namespace.to_owned(),
            client: Arc::new(client),
            deployments: reflector(permission::DEPLOYMENTS, here, None),
            replica_sets: reflector(permission::REPLICA_SETS, here, None),
            daemon_sets: reflector(permission::DAEMON_SETS, here, None),
            pods: reflector(permission::PODS, here, None),
            events: reflector(permission::EVENTS, here, None),
            nodes: reflector(permission::NODES, None, None),
            pending_image_pods: reflector(
                permission::WAITING_PODS,
                None,
                Some("status.phase=Pending"),
            ),
        }
    }

    /// Returns the tasks for the reflectors that at least one of these checks reads.
    pub fn watch_tasks(&self, checks: &[CheckId]) -> Vec<WatchTask> {
        self.all_watch_tasks()
            .into_iter()
            .filter(|task| task.serves(checks))
            .collect()
    }

    /// Returns the numbers of objects that are left out of what a check reads, by resource.
    pub fn left_out(&self, check: CheckId) -> Vec<(&'static str, LeftOut)> {
        let reflectors = self.reflectors().into_iter();
        reflectors
            .filter(|reflector| reflector.permission().checks.contains(&check))
            .map(|reflector| (reflector.permission().resource, reflector.left_out()))
            .filter(|(_, left_out)| !left_out.is_empty())
            .collect()
    }

    /// Returns the tasks for all reflectors.
    pub fn all_watch_tasks(&self) -> Vec<WatchTask> {
        self.reflectors()
            .into_iter()
            .map(|reflector| WatchTask {
                client: Arc::clone(&self.client),
                reflector,
            })
            .collect()
    }

    fn reflectors(&self) -> [Arc<dyn AnyReflector>; 7] {
        [
            self.deployments.clone(),
            self.replica_sets.clone(),
            self.daemon_sets.clone(),
            self.pods.clone(),
            self.events.clone(),
            self.nodes.clone(),
            self.pending_image_pods.clone(),
        ]
    }
}

impl WatchTask {
    /// Returns whether at least one of these checks reads the reflector.
    pub fn serves(&self, checks: &[CheckId]) -> bool {
        self.reflector
            .permission()
            .checks
            .iter()
            .any(|check| checks.contains(check))
    }

    /// Empties the reflector, so that readers wait for a new list.
    pub fn reset(&self) {
        self.reflector.reset();
    }

    /// Fills the reflector until an error occurs.
    pub async fn run(&self) {
        self.reflector.run(&self.client).await;
    }
}

impl fmt::Debug for WatchTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchTask")
            .field("resource", &self.reflector.permission().resource)
            .finish_non_exhaustive()
    }
}

fn reflector<K: CachedObject>(
    permission: &'static Permission,
    namespace: Option<&str>,
    field_selector: Option<&'static str>,
) -> Arc<Reflector<K>> {
    Arc::new(Reflector::new(permission, namespace, field_selector))
}
