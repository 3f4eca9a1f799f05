//! What the API server stores: objects, the changes that it remembers, and who follows them.
//!
//! Wire format: API concepts of the Kubernetes documentation (resource versions, chunked lists, watches, bookmarks, 410).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::answer::rfc3339;
use crate::journal::lock;

/// The objects of a cluster, which tests may change at any time.
#[derive(Clone, Debug)]
pub struct Objects {
    content: Arc<Mutex<Content>>,
    /// The newest version, for those who follow.
    newest: Arc<watch::Sender<u64>>,
    /// Grows when every watch is cut.
    cuts: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Content {
    version: u64,
    /// Changes up to here are forgotten.
    compacted: u64,
    kinds: BTreeMap<&'static str, BTreeMap<String, Arc<Stored>>>,
    changes: VecDeque<Change>,
}

/// One object as it is stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) namespace: String,
    pub(super) name: String,
    /// `status.phase`.
    pub(super) phase: String,
    /// `metadata.labels`, an object or nothing.
    pub(super) labels: Value,
    /// The object as JSON.
    pub(super) text: String,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) kind: &'static str,
    pub(super) before: Option<Arc<Stored>>,
    pub(super) after: Option<Arc<Stored>>,
}

/// A kind of object: its name, its group and version, its resource.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) resource: &'static str,
}

/// The kinds that are served.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "Node",
        version: "v1",
        resource: "nodes",
    },
    Kind {
        name: "Pod",
        version: "v1",
        resource: "pods",
    },
    Kind {
        name: "Event",
        version: "v1",
        resource: "events",
    },
    Kind {
        name: "ConfigMap",
        version: "v1",
        resource: "configmaps",
    },
    Kind {
        name: "Deployment",
        version: "apps/v1",
        resource: "deployments",
    },
    Kind {
        name: "ReplicaSet",
        version: "apps/v1",
        resource: "replicasets",
    },
    Kind {
        name: "DaemonSet",
        version: "apps/v1",
        resource: "daemonsets",
    },
    Kind {
        name: "Lease",
        version: "coordination.k8s.io/v1",
        resource: "leases",
    },
];

/// So many changes are remembered.
const REMEMBERED: usize = 10_000;
/// The version of an empty store; real ones never begin at zero either.
const FIRST: u64 = 1000;

// === impl Objects ===

impl Default for Objects {
    fn default() -> Self {
        let content = Content {
            version: FIRST,
            compacted: FIRST,
            ..Content::default()
        };
        Self {
            content: Arc::new(Mutex::new(content)),
            newest: Arc::new(watch::Sender::new(FIRST)),
            cuts: Arc::default(),
        }
    }
}

impl Objects {
    /// Makes or replaces an object; `kind`, `metadata.name` and, where it has one, `metadata.namespace` tell which.
    ///
    /// # Panics
    ///
    /// If the kind is none that is served.
    pub fn put(&self, mut object: Value) {
        let kind = Kind::named(object["kind"].as_str().unwrap_or_default());
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
        let stored = Arc::new(Stored {
            namespace,
            name,
            phase,
            labels,
            text: object.to_string(),
        });
        let of_kind = content.kinds.entry(kind.name).or_default();
        let before = of_kind.insert(stored.key(), stored.clone());
        content.remember(Change {
            version,
            kind: kind.name,
            before,
            after: Some(stored),
        });
        self.newest.send_replace(version);
    }

    /// Removes an object; false if there is none.
    pub fn remove(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let kind = Kind::named(kind);
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
        content.remember(Change {
            version,
            kind: kind.name,
            before: Some(before),
            after: None,
        });
        self.newest.send_replace(version);
        true
    }

    /// The object of this name.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let content = lock(&self.content);
        let stored = content
            .kinds
            .get(Kind::named(kind).name)?
            .get(&key(namespace, name))?;
        serde_json::from_str(&stored.text).ok()
    }

    /// All objects of a kind.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        let content = lock(&self.content);
        let of_kind = content
            .kinds
            .get(Kind::named(kind).name)
            .into_iter()
            .flat_map(BTreeMap::values);
        of_kind
            .filter_map(|stored| serde_json::from_str(&stored.text).ok())
            .collect()
    }

    /// Changes an object in place.
    ///
    /// # Panics
    ///
    /// If there is none of this name.
    pub fn change(&self, kind: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self
            .get(kind, namespace, name)
            .unwrap_or_else(|| panic!("no {kind} {namespace}/{name}"));
        change(&mut object);
        self.put(object);
    }

    /// Forgets all changes up to now, as etcd does every five minutes.
    pub fn compact(&self) {
        let mut content = lock(&self.content);
        content.compacted = content.version;
        content.changes.clear();
    }

    /// Cuts every watch, as a restart of the API server does.
    pub fn cut_watches(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Has exactly these objects and no others.
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
                let stays = objects.iter().any(|wanted| {
                    wanted["kind"] == kind.name
                        && wanted["metadata"]["name"] == name.as_str()
                        && wanted["metadata"]["namespace"].as_str().unwrap_or_default() == namespace
                });
                if !stays {
                    self.remove(kind.name, &namespace, &name);
                }
            }
        }
        for object in objects {
            self.put(object);
        }
    }

    /// How many versions there have been.
    pub fn version(&self) -> u64 {
        lock(&self.content).version
    }

    pub(super) fn compacted(&self) -> u64 {
        lock(&self.content).compacted
    }

    /// The objects behind a key that fit, and the version that this is the state of.
    pub(super) fn list(
        &self,
        kind: &str,
        after: &str,
        fits: impl Fn(&Stored) -> bool,
    ) -> (Vec<Arc<Stored>>, u64) {
        let content = lock(&self.content);
        let of_kind = content
            .kinds
            .get(kind)
            .into_iter()
            .flat_map(|of_kind| of_kind.range(after.to_owned()..));
        let found = of_kind.filter(|(key, stored)| key.as_str() != after && fits(stored));
        (
            found.map(|(_, stored)| stored.clone()).collect(),
            content.version,
        )
    }

    /// The changes of a kind since a version, and the newest version; `None` if some are forgotten.
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

    pub(super) fn cuts(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }
}

impl Content {
    fn remember(&mut self, change: Change) {
        self.changes.push_back(change);
        if self.changes.len() > REMEMBERED
            && let Some(forgotten) = self.changes.pop_front()
        {
            self.compacted = forgotten.version;
        }
    }
}

impl Stored {
    pub(super) fn key(&self) -> String {
        key(&self.namespace, &self.name)
    }
}

impl Kind {
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

/// An id that no other object has.
fn uid(version: u64) -> String {
    format!("{version:08x}-1ab0-4000-8000-{version:012x}")
}
