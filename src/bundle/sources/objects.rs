//! The objects of CAST AI's components: read, reduced on arrival, and written one file per kind.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::bundle::archive::{CollectedFile, Content};
use crate::bundle::learned_secrets::LearnedSecrets;
use crate::bundle::limits::{
    CONCURRENCY, MAX_FILE_BYTES, MAX_OBJECTS, MAX_PODS_OF_DAEMON_SET, MAX_TEXT_BYTES,
};
use crate::bundle::manifest::{LeftOut, Reason};
use crate::bundle::objects::reduced;
use crate::bundle::outcome::{Outcome, Task};
use crate::bundle::ownership::Ownership;
use crate::kube::{Client, ClientError, ListQuery};

/// A kind of objects in the agent's namespace.
struct Kind {
    /// The path of its API group and version.
    api: &'static str,
    /// The resource, as RBAC names it without the group.
    resource: &'static str,
}

const fn kind(api: &'static str, resource: &'static str) -> Kind {
    Kind { api, resource }
}

/// The kinds that are read. Secrets are not among them.
const KINDS: &[Kind] = &[
    kind("/apis/apps/v1", "deployments"),
    kind("/apis/apps/v1", "replicasets"),
    kind("/apis/apps/v1", "daemonsets"),
    kind("/apis/apps/v1", "statefulsets"),
    kind("/api/v1", "pods"),
    kind("/api/v1", "configmaps"),
    kind("/api/v1", "serviceaccounts"),
    kind("/api/v1", "resourcequotas"),
    kind(RBAC, "roles"),
    kind(RBAC, "rolebindings"),
    kind("/apis/coordination.k8s.io/v1", "leases"),
    kind("/api/v1", EVENTS),
];
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
/// The kind that is written as a table, too.
pub(in crate::bundle) const EVENTS: &str = "events";
/// The name of an exporter's container, which the names of its `ConfigMaps` contain.
pub(in crate::bundle) const EXPORTER: &str = "castai-health-exporter";

/// The objects in the agent's namespace.
#[derive(Debug)]
pub(in crate::bundle) struct ObjectLists {
    lists: Vec<ObjectList>,
    /// The configuration files of exporters: `ConfigMap`, key and content.
    pub(in crate::bundle) configurations: Vec<(String, String, String)>,
}

/// The objects of one kind.
#[derive(Debug)]
struct ObjectList {
    resource: &'static str,
    objects: Vec<Value>,
    left_out: Vec<LeftOut>,
}

/// The parts of a list in the order of arrival.
#[derive(Default)]
struct Arrived {
    objects: Vec<Value>,
    configurations: Vec<(String, String, String)>,
    of_daemon_set: BTreeMap<String, usize>,
    of_others: usize,
    too_large: usize,
    over_limit: usize,
    healthy_copies: usize,
}

impl ObjectLists {
    /// Returns the reduced objects of a kind.
    pub(in crate::bundle) fn of_kind(&self, resource: &str) -> &[Value] {
        let list = self.lists.iter().find(|list| list.resource == resource);
        list.map_or(&[], |list| &list.objects)
    }
}

/// Reads the objects that belong to CAST AI, and learns the secrets in them.
pub(in crate::bundle) async fn read(
    client: &Client,
    namespace: &str,
    ownership: &Ownership,
    learned: &mut LearnedSecrets,
    deadline: Instant,
) -> ObjectLists {
    let learned = RefCell::new(learned);
    let reads = KINDS.iter().map(|kind| {
        let learned = &learned;
        async move {
            let read = kind.read(client, namespace, ownership, learned);
            match timeout_at(deadline, read).await {
                Ok(read) => read,
                Err(_elapsed) => {
                    let detail = "the API server took too long";
                    let left_out = LeftOut::new(kind.resource, Reason::TimedOut, detail);
                    (kind.list(Vec::new(), vec![left_out]), Vec::new())
                }
            }
        }
    });
    let mut read: Vec<_> = stream::iter(reads)
        .buffered(CONCURRENCY)
        .collect::<Vec<_>>()
        .await;
    let configurations = read
        .iter_mut()
        .flat_map(|(_, configurations)| std::mem::take(configurations))
        .collect();
    ObjectLists {
        lists: read.into_iter().map(|(list, _)| list).collect(),
        configurations,
    }
}

/// Returns one file per kind that has objects.
pub(in crate::bundle) fn outcome(lists: ObjectLists) -> Outcome {
    let mut outcome = Outcome::default();
    for list in lists.lists {
        outcome.left_out.extend(list.left_out);
        if list.objects.is_empty() {
            continue;
        }
        let what = format!("{} ({})", list.resource, list.objects.len());
        let file = format!("{}.json", list.resource);
        let content = Content::Objects(list.objects);
        outcome
            .files
            .push(CollectedFile::new(&["objects", &file], what, content));
    }
    outcome
}

/// Returns the task that reads the roles which the whole cluster grants to accounts of a namespace.
pub(in crate::bundle) fn cluster_wide_task<'a>(client: &'a Client, namespace: &'a str) -> Task<'a> {
    Task::new("clusterrolebindings", cluster_roles(client, namespace))
}

async fn cluster_roles(client: &Client, namespace: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let mut bindings = Vec::new();
    let query = ListQuery {
        collection: &format!("{RBAC}/clusterrolebindings"),
        selector: "",
        permission: "list clusterrolebindings.rbac.authorization.k8s.io",
        max_text_bytes: MAX_TEXT_BYTES,
    };
    let read = client.list_items(query, |item| {
        let binding = item.ok().and_then(|item| serde_json::from_slice(item).ok());
        bindings.extend(binding.filter(|binding: &Value| {
            let subjects = binding["subjects"].as_array();
            subjects.is_some_and(|of| of.iter().any(|of| of["namespace"] == namespace))
        }));
    });
    let is_complete = match read.await {
        Ok(is_complete) => is_complete,
        Err(error) => {
            let left_out = LeftOut::error("clusterrolebindings", &error);
            outcome.left_out.push(left_out);
            return outcome;
        }
    };
    if !is_complete || bindings.len() > MAX_OBJECTS {
        outcome
            .left_out
            .push(LeftOut::rest_of("clusterrolebindings"));
    }
    bindings.truncate(MAX_OBJECTS);
    let mut names: Vec<String> = bindings
        .iter()
        .filter_map(|binding| binding["roleRef"]["name"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    let mut roles = Vec::new();
    for name in names {
        let what = format!("clusterrole {name}");
        let path = format!("{RBAC}/clusterroles/{}", path_part(&name));
        match client.get_bytes(&path, MAX_FILE_BYTES).await {
            Err(error) => outcome.left_out.push(LeftOut::error(what, &error)),
            Ok(reply) => match serde_json::from_slice(&reply.body) {
                Ok(role) if reply.status.is_success() => roles.push(role),
                _ => {
                    let reason = Reason::of_status(reply.status.as_u16());
                    outcome
                        .left_out
                        .push(LeftOut::new(what, reason, reply.reason()));
                }
            },
        }
    }
    for (resource, objects) in [("clusterrolebindings", bindings), ("clusterroles", roles)] {
        if objects.is_empty() {
            continue;
        }
        // Roles contain no values.
        let mut learned = LearnedSecrets::default();
        let reduce = |object: &Value| reduced(object, &mut learned);
        let what = format!(
            "{resource} of accounts in the namespace ({})",
            objects.len()
        );
        let content = Content::Objects(objects.iter().map(reduce).collect());
        let file = format!("{resource}.json");
        outcome
            .files
            .push(CollectedFile::new(&["objects", &file], what, content));
    }
    outcome
}

/// Returns a name as one part of a URL path.
pub(in crate::bundle) fn path_part(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

impl Kind {
    async fn read(
        &self,
        client: &Client,
        namespace: &str,
        ownership: &Ownership,
        learned: &RefCell<&mut LearnedSecrets>,
    ) -> (ObjectList, Vec<(String, String, String)>) {
        let Self { api, resource } = self;
        let mut arrived = Arrived::default();
        let query = ListQuery {
            collection: &format!("{api}/namespaces/{namespace}/{resource}"),
            selector: "",
            permission: &format!("list {resource} in namespace {namespace}"),
            max_text_bytes: MAX_TEXT_BYTES,
        };
        let read = client.list_items(query, |item| {
            match item
                .ok()
                .and_then(|item| serde_json::from_slice::<Value>(item).ok())
            {
                None => arrived.too_large += 1,
                Some(object) if !ownership.owns(&object) => arrived.of_others += 1,
                Some(object) => arrived.take(&object, &mut learned.borrow_mut()),
            }
        });
        let read = read.await;
        let mut left_out = arrived.left_out(resource);
        match read {
            Ok(true) => {}
            Ok(false) => left_out.push(LeftOut::rest_of(resource)),
            Err(ClientError::Rejected { status, .. }) if status.as_u16() == 404 => {}
            Err(error) => left_out.push(LeftOut::error(*resource, &error)),
        }
        (self.list(arrived.objects, left_out), arrived.configurations)
    }

    fn list(&self, objects: Vec<Value>, left_out: Vec<LeftOut>) -> ObjectList {
        ObjectList {
            resource: self.resource,
            objects,
            left_out,
        }
    }
}

impl Arrived {
    fn take(&mut self, object: &Value, learned: &mut LearnedSecrets) {
        self.take_configuration(object);
        let reduced = reduced(object, learned);
        if let Some(set) = daemon_set(&reduced) {
            let count = self.of_daemon_set.entry(set.to_owned()).or_default();
            *count += 1;
            if *count > MAX_PODS_OF_DAEMON_SET && !is_in_trouble(&reduced) {
                self.healthy_copies += 1;
                return;
            }
        }
        if self.objects.len() < MAX_OBJECTS {
            self.objects.push(reduced);
        } else {
            self.over_limit += 1;
        }
    }

    fn take_configuration(&mut self, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let files = object["data"]
            .as_object()
            .filter(|_| name.contains(EXPORTER));
        for (key, text) in files.into_iter().flatten() {
            if let Value::String(text) = text {
                self.configurations
                    .push((name.to_owned(), key.clone(), text.clone()));
            }
        }
    }

    fn left_out(&self, resource: &str) -> Vec<LeftOut> {
        let counts = [
            (
                self.of_others,
                Reason::ByDesign,
                "they do not belong to CAST AI".to_owned(),
            ),
            (
                self.too_large,
                Reason::OverLimit,
                "they are too large or cannot be read".to_owned(),
            ),
            (
                self.over_limit,
                Reason::OverLimit,
                format!("at most {MAX_OBJECTS} of a kind are collected"),
            ),
            (
                self.healthy_copies,
                Reason::OverLimit,
                format!(
                    "of a DaemonSet, {MAX_PODS_OF_DAEMON_SET} pods and those in trouble are collected"
                ),
            ),
        ];
        counts
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, reason, detail)| {
                LeftOut::new(format!("{count} {resource}"), reason, detail)
            })
            .collect()
    }
}

/// Returns whether a container of a pod is not ready or was restarted.
pub(in crate::bundle) fn is_in_trouble(pod: &Value) -> bool {
    let statuses = pod["status"]["containerStatuses"].as_array();
    statuses.is_none_or(|statuses| {
        statuses
            .iter()
            .any(|status| status["ready"] != true || status["restartCount"].as_u64() > Some(0))
    })
}

/// Returns the name of the `DaemonSet` that a pod belongs to.
pub(in crate::bundle) fn daemon_set(object: &Value) -> Option<&str> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| owner["kind"] == "DaemonSet")?;
    (object["spec"]["containers"].is_array()).then(|| owner["name"].as_str())?
}
