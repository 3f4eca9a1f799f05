//! Object store with resource versions, a bounded change history and watch notifications.
//!
//! Wire format: API concepts of the Kubernetes documentation (resource versions, chunked lists,
//! watches, bookmarks, 410).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::mutex::lock;
use crate::response::rfc3339;

/// The objects of a cluster. Tests may change them at any time.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    content: Arc<Mutex<StoreState>>,
    /// Latest resource version, for watches.
    newest: Arc<watch::Sender<u64>>,
    /// Incremented to close all watches.
    close_signal: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct StoreState {
    version: u64,
    /// Changes up to this resource version are compacted.
    compacted: u64,
    kinds: BTreeMap<&'static str, BTreeMap<String, Arc<StoredObject>>>,
    changes: VecDeque<Change>,
}

/// A stored object.
#[derive(Debug)]
pub(super) struct StoredObject {
    pub(super) namespace: String,
    pub(super) name: String,
    /// `status.phase`.
    pub(super) phase: String,
    /// `metadata.labels`, an object or null.
    pub(super) labels: Value,
    /// The object as JSON.
    pub(super) text: String,
}

/// A change of one object.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) kind: &'static str,
    pub(super) before: Option<Arc<StoredObject>>,
    pub(super) after: Option<Arc<StoredObject>>,
}

/// A served kind with its API version and its resource name.
pub(super) struct ResourceKind {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) resource: &'static str,
}

/// All served kinds.
pub(super) const KINDS: &[ResourceKind] = &[
    ResourceKind {
        name: "Node",
        version: "v1",
        resource: "nodes",
    },
    ResourceKind {
        name: "Pod",
        version: "v1",
        resource: "pods",
    },
    ResourceKind {
        name: "Event",
        version: "v1",
        resource: "events",
    },
    ResourceKind {
        name: "ConfigMap",
        version: "v1",
        resource: "configmaps",
    },
    ResourceKind {
        name: "Deployment",
        version: "apps/v1",
        resource: "deployments",
    },
    ResourceKind {
        name: "ReplicaSet",
        version: "apps/v1",
        resource: "replicasets",
    },
    ResourceKind {
        name: "DaemonSet",
        version: "apps/v1",
        resource: "daemonsets",
    },
    ResourceKind {
        name: "Lease",
        version: "coordination.k8s.io/v1",
        resource: "leases",
    },
];

/// Number of changes to keep.
const MAX_CHANGES: usize = 10_000;
/// Resource version of an empty store; never zero, as in etcd.
const INITIAL_VERSION: u64 = 1000;

// === impl ObjectStore ===

impl Default for ObjectStore {
    fn default() -> Self {
        let content = StoreState {
            version: INITIAL_VERSION,
            compacted: INITIAL_VERSION,
            ..StoreState::default()
        };
        Self {
            content: Arc::new(Mutex::new(content)),
            newest: Arc::new(watch::Sender::new(INITIAL_VERSION)),
            close_signal: Arc::default(),
        }
    }
}

impl ObjectStore {
    /// Creates or replaces the object with this `kind`, `metadata.name` and `metadata.namespace`.
    ///
    /// # Panics
    ///
    /// If the kind is not served.
    pub fn put(&self, mut object: Value) {
        let kind = ResourceKind::named(object["kind"].as_str().unwrap_or_default());
        let mut content = lock(&self.content);
        content.version += 1;
        let version = content.version;
        let meta = &mut object["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text(&meta["namespace"]), text(&meta["name"]));
        meta["resourceVersion"] = json!(version.to_string());
        if meta["uid"].is_null() {
            meta["uid"] = json!(uid(version));
        }
        if meta["creationTimestamp"].is_null() {
            meta["creationTimestamp"] = json!(rfc3339(time::Duration::ZERO));
        }
        let phase = text(&object["status"]["phase"]);
        let labels = object["metadata"]["labels"].clone();
        let stored = Arc::new(StoredObject {
            namespace,
            name,
            phase,
            labels,
            text: object.to_string(),
        });
        let of_kind = content.kinds.entry(kind.name).or_default();
        let before = of_kind.insert(stored.key(), stored.clone());
        content.record_change(Change {
            version,
            kind: kind.name,
            before,
            after: Some(stored),
        });
        self.newest.send_replace(version);
    }

    /// Deletes an object. Returns false if it does not exist.
    pub fn remove(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let kind = ResourceKind::named(kind);
        let mut content = lock(&self.content);
        let Some(before) = content
            .kinds
            .entry(kind.name)
            .or_default()
            .remove(&key(namespace, name))
        else {
            return false;
        };
        content.version += 1;
        let version = content.version;
        content.record_change(Change {
            version,
            kind: kind.name,
            before: Some(before),
            after: None,
        });
        self.newest.send_replace(version);
        true
    }

    /// Returns an object.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let content = lock(&self.content);
        let stored = content
            .kinds
            .get(ResourceKind::named(kind).name)?
            .get(&key(namespace, name))?;
        serde_json::from_str(&stored.text).ok()
    }

    /// Returns all objects of a kind.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        let content = lock(&self.content);
        let of_kind = content
            .kinds
            .get(ResourceKind::named(kind).name)
            .into_iter()
            .flat_map(BTreeMap::values);
        of_kind
            .filter_map(|stored| serde_json::from_str(&stored.text).ok())
            .collect()
    }

    /// Modifies an object.
    ///
    /// # Panics
    ///
    /// If the object does not exist.
    pub fn change(&self, kind: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self
            .get(kind, namespace, name)
            .unwrap_or_else(|| panic!("no {kind} {namespace}/{name}"));
        change(&mut object);
        self.put(object);
    }

    /// Discards the change history, as etcd's compaction does every five minutes.
    pub fn compact(&self) {
        let mut content = lock(&self.content);
        content.compacted = content.version;
        content.changes.clear();
    }

    /// Closes all watches, as a restart of the API server does.
    pub fn close_watches(&self) {
        self.close_signal
            .send_modify(|close_signal| *close_signal += 1);
    }

    /// Replaces all objects.
    pub fn replace(&self, objects: Vec<Value>) {
        for kind in KINDS {
            for object in self.all(kind.name) {
                let text = |name: &str| {
                    object["metadata"][name]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned()
                };
                let (namespace, name) = (text("namespace"), text("name"));
                let kept = objects.iter().any(|wanted| {
                    wanted["kind"] == kind.name
                        && wanted["metadata"]["name"] == name.as_str()
                        && wanted["metadata"]["namespace"].as_str().unwrap_or_default() == namespace
                });
                if !kept {
                    self.remove(kind.name, &namespace, &name);
                }
            }
        }
        for object in objects {
            self.put(object);
        }
    }

    /// Returns the latest resource version.
    pub fn version(&self) -> u64 {
        lock(&self.content).version
    }

    pub(super) fn compacted(&self) -> u64 {
        lock(&self.content).compacted
    }

    /// Returns the matching objects after a key, and the resource version of this state.
    pub(super) fn list(
        &self,
        kind: &str,
        after: &str,
        matches: impl Fn(&StoredObject) -> bool,
    ) -> (Vec<Arc<StoredObject>>, u64) {
        let content = lock(&self.content);
        let of_kind = content
            .kinds
            .get(kind)
            .into_iter()
            .flat_map(|of_kind| of_kind.range(after.to_owned()..));
        let found = of_kind.filter(|(key, stored)| key.as_str() != after && matches(stored));
        (
            found.map(|(_, stored)| stored.clone()).collect(),
            content.version,
        )
    }

    /// Returns the changes of a kind since a version, and the latest version. `None` if some are
    /// compacted.
    pub(super) fn since(&self, version: u64, kind: &str) -> Option<(Vec<Change>, u64)> {
        let content = lock(&self.content);
        if version < content.compacted {
            return None;
        }
        let first = content
            .changes
            .partition_point(|change| change.version <= version);
        let changes = content
            .changes
            .range(first..)
            .filter(|change| change.kind == kind)
            .cloned()
            .collect();
        Some((changes, content.version))
    }

    pub(super) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    pub(super) fn close_signal(&self) -> watch::Receiver<u64> {
        self.close_signal.subscribe()
    }
}

impl StoreState {
    fn record_change(&mut self, change: Change) {
        self.changes.push_back(change);
        if self.changes.len() > MAX_CHANGES
            && let Some(forgotten) = self.changes.pop_front()
        {
            self.compacted = forgotten.version;
        }
    }
}

impl StoredObject {
    pub(super) fn key(&self) -> String {
        key(&self.namespace, &self.name)
    }
}

impl ResourceKind {
    fn named(kind: &str) -> &'static Self {
        KINDS
            .iter()
            .find(|known| known.name == kind)
            .unwrap_or_else(|| panic!("no kind {kind}"))
    }
}

fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// Returns a unique ID.
fn uid(version: u64) -> String {
    format!("{version:08x}-1ab0-4000-8000-{version:012x}")
}
