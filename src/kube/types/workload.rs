//! Deployments, `ReplicaSets` and `DaemonSets` (`apps/v1`).

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;

use crate::kube::types::cached_object::{
    CachedObject, condition_bytes, map_bytes, slice_bytes, text_bytes,
};
use crate::kube::types::lenient;
use crate::kube::types::object::{Condition, Map, Object, ObjectMeta};

/// The annotation with the revision of a Deployment's pod template.
const REVISION_ANNOTATION: &str = "deployment.kubernetes.io/revision";
/// The annotation with the name of the Helm release.
const HELM_RELEASE_ANNOTATION: &str = "meta.helm.sh/release-name";

/// A Deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The unique ID.
    pub uid: String,
    /// The name.
    pub name: String,
    /// Time of creation.
    pub created: Option<Timestamp>,
    /// The labels.
    pub labels: Map,
    /// The Helm release, from the annotation `meta.helm.sh/release-name`.
    pub helm_release: Option<String>,
    /// The immutable selector of its pods.
    pub selector: LabelSelector,
    /// The containers of its pod template.
    pub containers: Vec<ContainerImage>,
    /// Number of desired pods.
    pub desired: u32,
    /// Number of pods with the current template.
    pub updated: u32,
    /// Number of ready pods.
    pub ready: u32,
    /// Number of available pods.
    pub available: u32,
    /// The conditions.
    pub conditions: Vec<Condition>,
}

/// A label selector. Its text is a query's `labelSelector`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels with the required values.
    #[serde(deserialize_with = "lenient::or_default")]
    pub match_labels: Map,
    /// Further requirements.
    #[serde(deserialize_with = "lenient::list")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// A requirement of a label selector.
#[derive(Clone, Debug, Deserialize)]
pub struct LabelSelectorRequirement {
    key: String,
    operator: String,
    #[serde(default, deserialize_with = "lenient::list")]
    values: Vec<String>,
}

/// The name and image of a container.
#[derive(Clone, Debug, Deserialize)]
pub struct ContainerImage {
    /// The name.
    pub name: String,
    /// The image.
    #[serde(default)]
    pub image: String,
}

/// A `ReplicaSet`.
#[derive(Clone, Debug)]
pub struct ReplicaSet {
    /// The unique ID.
    pub uid: String,
    /// The name.
    pub name: String,
    /// The unique ID of its Deployment.
    pub owner: Option<String>,
    /// Number of desired pods.
    pub desired: u32,
    /// Number of existing pods.
    pub replicas: u32,
    /// The conditions.
    pub conditions: Vec<Condition>,
}

/// A `DaemonSet`.
#[derive(Clone, Debug)]
pub struct DaemonSet {
    /// The unique ID.
    pub uid: String,
    /// The name.
    pub name: String,
    /// The labels.
    pub labels: Map,
    /// The Helm release, from the annotation `meta.helm.sh/release-name`.
    pub helm_release: Option<String>,
    /// The containers of its pod template.
    pub containers: Vec<ContainerImage>,
    /// Number of nodes that should run a pod, which can be zero.
    pub desired: u32,
    /// Number of nodes with an available pod.
    pub available: u32,
}

/// The spec of a workload with the given pod spec in its template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(bound(deserialize = "P: Deserialize<'de> + Default"))]
pub struct WorkloadSpec<P = ContainerImages> {
    /// Number of desired pods.
    #[serde(default, deserialize_with = "lenient::optional_count")]
    pub replicas: Option<u32>,
    /// The selector of its pods.
    #[serde(default)]
    pub selector: LabelSelector,
    /// The template of its pods.
    #[serde(default)]
    pub template: PodTemplateSpec<P>,
}

/// A pod template with the given pod spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(bound(deserialize = "P: Deserialize<'de> + Default"))]
pub struct PodTemplateSpec<P = ContainerImages> {
    /// The spec of the pods.
    #[serde(default)]
    pub spec: P,
}

/// A pod spec of which only the containers' images are kept.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ContainerImages {
    /// The containers.
    #[serde(default, deserialize_with = "lenient::list")]
    pub containers: Vec<ContainerImage>,
}

/// The status of a Deployment or `ReplicaSet`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadStatus {
    #[serde(deserialize_with = "lenient::count")]
    replicas: u32,
    #[serde(deserialize_with = "lenient::count")]
    updated_replicas: u32,
    #[serde(deserialize_with = "lenient::count")]
    ready_replicas: u32,
    #[serde(deserialize_with = "lenient::count")]
    available_replicas: u32,
    #[serde(deserialize_with = "lenient::list")]
    conditions: Vec<Condition>,
}

/// The status of a `DaemonSet`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonSetStatus {
    #[serde(deserialize_with = "lenient::count")]
    desired_number_scheduled: u32,
    #[serde(deserialize_with = "lenient::count")]
    number_available: u32,
}

impl CachedObject for Deployment {
    type Raw = Object<WorkloadSpec, WorkloadStatus, Map, Map>;
    const MAX_CACHED: usize = 500;
    const MAX_CACHED_BYTES: usize = 1 << 20;

    fn from_raw(raw: Self::Raw, _previous: Option<&Self>) -> Option<Self> {
        let Object {
            metadata,
            spec,
            status,
        } = raw;
        Some(Self {
            uid: metadata.uid,
            name: metadata.name,
            created: metadata.creation_timestamp,
            labels: metadata.labels,
            helm_release: metadata.annotations.get(HELM_RELEASE_ANNOTATION).cloned(),
            selector: spec.selector,
            containers: spec.template.spec.containers,
            // The API server's default is one.
            desired: spec.replicas.unwrap_or(1),
            updated: status.updated_replicas,
            ready: status.ready_replicas,
            available: status.available_replicas,
            conditions: status.conditions,
        })
    }

    fn allocated_bytes(&self) -> usize {
        let release = self.helm_release.as_deref().unwrap_or_default();
        text_bytes([self.uid.as_str(), &self.name, release])
            + map_bytes(&self.labels)
            + self.selector.allocated_bytes()
            + slice_bytes(&self.containers, ContainerImage::allocated_bytes)
            + condition_bytes(&self.conditions)
    }
}

impl CachedObject for ReplicaSet {
    type Raw = Object<WorkloadSpec, WorkloadStatus>;
    const MAX_CACHED: usize = 2000;
    const MAX_CACHED_BYTES: usize = 1 << 20;

    fn from_raw(raw: Self::Raw, _previous: Option<&Self>) -> Option<Self> {
        let Object {
            metadata,
            spec,
            status,
        } = raw;
        Some(Self {
            owner: metadata.controller().map(|owner| owner.uid.clone()),
            uid: metadata.uid,
            name: metadata.name,
            desired: spec.replicas.unwrap_or(1),
            replicas: status.replicas,
            conditions: status.conditions,
        })
    }

    fn allocated_bytes(&self) -> usize {
        let owner = self.owner.as_deref().unwrap_or_default();
        text_bytes([self.uid.as_str(), &self.name, owner]) + condition_bytes(&self.conditions)
    }
}

impl CachedObject for DaemonSet {
    type Raw = Object<WorkloadSpec, DaemonSetStatus, Map, Map>;
    const MAX_CACHED: usize = 500;
    const MAX_CACHED_BYTES: usize = 1 << 20;

    fn from_raw(raw: Self::Raw, _previous: Option<&Self>) -> Option<Self> {
        let Object {
            metadata,
            spec,
            status,
        } = raw;
        Some(Self {
            uid: metadata.uid,
            name: metadata.name,
            labels: metadata.labels,
            helm_release: metadata.annotations.get(HELM_RELEASE_ANNOTATION).cloned(),
            containers: spec.template.spec.containers,
            desired: status.desired_number_scheduled,
            available: status.number_available,
        })
    }

    fn allocated_bytes(&self) -> usize {
        let release = self.helm_release.as_deref().unwrap_or_default();
        text_bytes([self.uid.as_str(), &self.name, release])
            + map_bytes(&self.labels)
            + slice_bytes(&self.containers, ContainerImage::allocated_bytes)
    }
}

impl LabelSelector {
    fn allocated_bytes(&self) -> usize {
        let expressions = slice_bytes(&self.match_expressions, |requirement| {
            text_bytes([requirement.key.as_str(), &requirement.operator])
                + slice_bytes(&requirement.values, String::len)
        });
        map_bytes(&self.match_labels) + expressions
    }
}

impl ContainerImage {
    fn allocated_bytes(&self) -> usize {
        text_bytes([self.name.as_str(), &self.image])
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self
            .match_labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        let expressions = self.match_expressions.iter().map(|requirement| {
            let LabelSelectorRequirement {
                key,
                operator,
                values,
            } = requirement;
            match operator.as_str() {
                "In" => format!("{key} in ({})", values.join(",")),
                "NotIn" => format!("{key} notin ({})", values.join(",")),
                "DoesNotExist" => format!("!{key}"),
                _ => key.clone(),
            }
        });
        f.write_str(&labels.chain(expressions).collect::<Vec<_>>().join(","))
    }
}

/// Returns the revision that the Deployment controller annotates on Deployments and `ReplicaSets`.
pub fn revision<L>(metadata: &ObjectMeta<L, Map>) -> Option<&str> {
    metadata
        .annotations
        .get(REVISION_ANNOTATION)
        .map(String::as_str)
}
