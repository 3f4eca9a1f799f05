//! Versions of Kubernetes and of the nodes, which are counted and not named.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bundle::archive::{CollectedFile, Content};
use crate::bundle::limits::MAX_FILE_BYTES;
use crate::bundle::manifest::{LeftOut, Reason};
use crate::bundle::outcome::{Outcome, Task};
use crate::bundle::sources::objects::ObjectLists;
use crate::kube::{Client, ListQuery};

/// Longest text in a node that is read, in bytes.
const MAX_TEXT_BYTES: usize = 1024;
/// Largest number of distinct values that are counted of a property.
const MAX_VALUES: usize = 50;
/// Counts the nodes with other values than these.
const OTHER: &str = "other";
/// A property by which nodes are counted: a name, and where it is in the object.
const PROPERTIES: &[(&str, &str)] = &[
    ("kubelet", "/status/nodeInfo/kubeletVersion"),
    (
        "container_runtime",
        "/status/nodeInfo/containerRuntimeVersion",
    ),
    ("os_image", "/status/nodeInfo/osImage"),
    ("kernel", "/status/nodeInfo/kernelVersion"),
    ("architecture", "/status/nodeInfo/architecture"),
    (
        "instance_type",
        "/metadata/labels/node.kubernetes.io~1instance-type",
    ),
    ("zone", "/metadata/labels/topology.kubernetes.io~1zone"),
];

/// Returns the tasks that read versions.
pub(in crate::bundle) fn tasks(client: &Client) -> Vec<Task<'_>> {
    vec![
        Task::new("version of Kubernetes", kubernetes(client)),
        Task::new("versions of the nodes", nodes(client)),
    ]
}

/// Returns the images that run, with their digests and the number of containers.
pub(in crate::bundle) fn images(lists: &ObjectLists) -> CollectedFile {
    let mut images: BTreeMap<(String, String), usize> = BTreeMap::new();
    for pod in lists.of_kind("pods") {
        for statuses in ["containerStatuses", "initContainerStatuses"] {
            for status in pod["status"][statuses].as_array().into_iter().flatten() {
                let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
                *images.entry((text("image"), text("imageID"))).or_default() += 1;
            }
        }
    }
    let images: Vec<Value> = images
        .into_iter()
        .map(|((image, id), containers)| json!({ "image": image, "image_id": id, "containers": containers }))
        .collect();
    CollectedFile::new(
        &["versions", "images.json"],
        "images of the containers",
        Content::Json(images.into()),
    )
}

async fn kubernetes(client: &Client) -> Outcome {
    let what = "version of Kubernetes";
    let mut outcome = Outcome::default();
    match client.get_bytes("/version", MAX_FILE_BYTES).await {
        Err(error) => outcome.left_out.push(LeftOut::error(what, &error)),
        Ok(reply) => match serde_json::from_slice::<Value>(&reply.body) {
            Ok(version) if reply.status.is_success() => outcome.files.push(CollectedFile::new(
                &["versions", "kubernetes.json"],
                what,
                Content::Json(version),
            )),
            _ => {
                let reason = Reason::of_status(reply.status.as_u16());
                outcome
                    .left_out
                    .push(LeftOut::new(what, reason, reply.reason()));
            }
        },
    }
    outcome
}

async fn nodes(client: &Client) -> Outcome {
    let what = "versions of the nodes";
    let mut outcome = Outcome::default();
    let mut summary = NodeSummary::default();
    let query = ListQuery {
        collection: "/api/v1/nodes",
        selector: "",
        permission: "list nodes",
        max_text_bytes: MAX_TEXT_BYTES,
    };
    let read = client.list_items(query, |item| {
        if let Some(node) = item.ok().and_then(|item| serde_json::from_slice(item).ok()) {
            summary.count(&node);
        }
    });
    match read.await {
        Err(error) => outcome.left_out.push(LeftOut::error(what, &error)),
        Ok(is_complete) => {
            if !is_complete {
                outcome.left_out.push(LeftOut::rest_of(what));
            }
            outcome.files.push(CollectedFile::new(
                &["versions", "nodes.json"],
                "nodes, counted by version, type and zone",
                Content::Json(summary.json()),
            ));
        }
    }
    outcome
}

/// Nodes by their properties.
#[derive(Default)]
struct NodeSummary {
    nodes: usize,
    ready: usize,
    properties: BTreeMap<&'static str, BTreeMap<String, usize>>,
}

impl NodeSummary {
    fn count(&mut self, node: &Value) {
        self.nodes += 1;
        let conditions = node["status"]["conditions"].as_array();
        let is_ready = conditions.is_some_and(|conditions| {
            conditions
                .iter()
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        });
        self.ready += usize::from(is_ready);
        for (name, pointer) in PROPERTIES {
            let Some(value) = node.pointer(pointer).and_then(Value::as_str) else {
                continue;
            };
            let values = self.properties.entry(name).or_default();
            let is_counted = values.len() < MAX_VALUES || values.contains_key(value);
            let value = if is_counted { value } else { OTHER };
            *values.entry(value.to_owned()).or_default() += 1;
        }
    }

    fn json(&self) -> Value {
        json!({ "nodes": self.nodes, "ready": self.ready, "count_by": self.properties })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_counted_by_version_and_not_named() {
        let mut summary = NodeSummary::default();
        for (name, kubelet) in [("a", "v1.33.1"), ("b", "v1.33.1"), ("c", "v1.32.0")] {
            summary.count(&json!({
                "metadata": { "name": name, "labels": { "topology.kubernetes.io/zone": "eu-1a" } },
                "status": {
                    "nodeInfo": { "kubeletVersion": kubelet },
                    "conditions": [{ "type": "Ready", "status": "True" }],
                },
            }));
        }
        assert_eq!(
            summary.json(),
            json!({
                "nodes": 3, "ready": 3,
                "count_by": { "kubelet": { "v1.32.0": 1, "v1.33.1": 2 }, "zone": { "eu-1a": 3 } },
            })
        );
    }

    #[test]
    fn nodes_beyond_the_limit_of_values_are_counted_together() {
        let mut summary = NodeSummary::default();
        for number in 0..MAX_VALUES + 3 {
            let kernel = format!("6.1.{number}");
            summary.count(&json!({ "status": { "nodeInfo": { "kernelVersion": kernel } } }));
        }
        let kernels = &summary.json()["count_by"]["kernel"];
        assert_eq!(kernels[OTHER], 3);
        assert_eq!(kernels.as_object().unwrap().len(), MAX_VALUES + 1);
    }
}
