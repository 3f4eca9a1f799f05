//! Deployments, what they own, and `DaemonSets` (`apps/v1`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::kube::types::{Condition, Kept, Meta, raw};

/// The annotation that counts a Deployment's templates.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// Names and values.
pub type Map = BTreeMap<String, String>;

/// A Deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its uid.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its labels.
    pub labels: Map,
    /// Helm's annotations.
    pub helm: Helm,
    /// What its pods are chosen by; it can never be changed.
    pub selector: Selector,
    /// The containers of its template.
    pub containers: Vec<Container>,
    /// How many pods it wants.
    pub desired: u32,
    /// How many it has of the present template.
    pub updated: u32,
    /// How many are ready.
    pub ready: u32,
    /// How many are available.
    pub available: u32,
    /// Whether its controller has seen the present template.
    pub observed: bool,
    /// What its controller says.
    pub conditions: Vec<Condition>,
}

/// Who Helm thinks owns an object.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Helm {
    /// `meta.helm.sh/release-name`.
    pub release: Option<String>,
    /// `meta.helm.sh/release-namespace`.
    pub namespace: Option<String>,
}

/// A label selector.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Labels and their values.
    #[serde(default)]
    pub match_labels: Map,
    /// Whether there are expressions beside them.
    #[serde(default)]
    match_expressions: Vec<IgnoredAny>,
}

/// A container of a template.
#[derive(Clone, Debug, Deserialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    #[serde(default)]
    pub image: String,
}

/// A `ReplicaSet`.
#[derive(Clone, Debug)]
pub struct ReplicaSet {
    /// Its uid.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// The uid of its Deployment.
    pub owner: Option<String>,
    /// Which template of its Deployment it has; the highest is the present one.
    pub revision: u64,
    /// How many pods it wants.
    pub desired: u32,
    /// How many it has.
    pub replicas: u32,
    /// What its controller says.
    pub conditions: Vec<Condition>,
}

/// A `DaemonSet`.
#[derive(Clone, Debug)]
pub struct DaemonSet {
    /// Its uid.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Map,
    /// Helm's annotations.
    pub helm: Helm,
    /// The containers of its template.
    pub containers: Vec<Container>,
    /// How many nodes should run it; none can be right.
    pub desired: u32,
    /// On how many it is available.
    pub available: u32,
}

/// What is read of a Deployment.
#[derive(Debug, Deserialize)]
pub struct RawDeployment {
    metadata: Meta<Map, Map>,
    #[serde(default)]
    spec: RawSpec,
    #[serde(default)]
    status: RawStatus,
}

/// What is read of a `ReplicaSet`.
#[derive(Debug, Deserialize)]
pub struct RawReplicaSet {
    metadata: Meta<IgnoredAny, Map>,
    #[serde(default)]
    spec: RawSpec,
    #[serde(default)]
    status: RawStatus,
}

/// What is read of a `DaemonSet`.
#[derive(Debug, Deserialize)]
pub struct RawDaemonSet {
    metadata: Meta<Map, Map>,
    #[serde(default)]
    spec: RawSpec,
    #[serde(default)]
    status: RawDaemonStatus,
}

#[derive(Debug, Default, Deserialize)]
struct RawSpec {
    replicas: Option<u32>,
    #[serde(default)]
    selector: Selector,
    #[serde(default)]
    template: RawTemplate,
}

#[derive(Debug, Default, Deserialize)]
struct RawTemplate {
    #[serde(default)]
    spec: RawPodSpec,
}

#[derive(Debug, Default, Deserialize)]
struct RawPodSpec {
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawStatus {
    replicas: u32,
    updated_replicas: u32,
    ready_replicas: u32,
    available_replicas: u32,
    observed_generation: u64,
    conditions: Vec<Condition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawDaemonStatus {
    desired_number_scheduled: u32,
    number_available: u32,
}

raw!(RawDeployment, RawReplicaSet, RawDaemonSet);

impl Kept for Deployment {
    type Raw = RawDeployment;
    const MOST: usize = 500;

    fn keep(raw: RawDeployment, _before: Option<&Self>) -> Option<Self> {
        let RawDeployment {
            metadata,
            spec,
            status,
        } = raw;
        Some(Self {
            uid: metadata.uid,
            name: metadata.name,
            created: metadata.creation_timestamp,
            labels: metadata.labels,
            helm: Helm::of(&metadata.annotations),
            selector: spec.selector,
            containers: spec.template.spec.containers,
            // The API server fills it in; one is its default.
            desired: spec.replicas.unwrap_or(1),
            updated: status.updated_replicas,
            ready: status.ready_replicas,
            available: status.available_replicas,
            observed: status.observed_generation > 0,
            conditions: status.conditions,
        })
    }
}

impl Kept for ReplicaSet {
    type Raw = RawReplicaSet;
    const MOST: usize = 2000;

    fn keep(raw: RawReplicaSet, _before: Option<&Self>) -> Option<Self> {
        let RawReplicaSet {
            metadata,
            spec,
            status,
        } = raw;
        let revision = metadata
            .annotations
            .get(REVISION)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        Some(Self {
            owner: metadata.controller().map(str::to_owned),
            uid: metadata.uid,
            name: metadata.name,
            revision,
            desired: spec.replicas.unwrap_or(1),
            replicas: status.replicas,
            conditions: status.conditions,
        })
    }
}

impl Kept for DaemonSet {
    type Raw = RawDaemonSet;
    const MOST: usize = 500;

    fn keep(raw: RawDaemonSet, _before: Option<&Self>) -> Option<Self> {
        let RawDaemonSet {
            metadata,
            spec,
            status,
        } = raw;
        Some(Self {
            uid: metadata.uid,
            name: metadata.name,
            labels: metadata.labels,
            helm: Helm::of(&metadata.annotations),
            containers: spec.template.spec.containers,
            desired: status.desired_number_scheduled,
            available: status.number_available,
        })
    }
}

impl Helm {
    fn of(annotations: &Map) -> Self {
        let note = |name: &str| annotations.get(name).cloned();
        Self {
            release: note("meta.helm.sh/release-name"),
            namespace: note("meta.helm.sh/release-namespace"),
        }
    }
}

impl Selector {
    /// The selector as `kubectl` writes it.
    pub fn text(&self) -> String {
        let labels = self
            .match_labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let more = (!self.match_expressions.is_empty()).then(|| "expressions".to_owned());
        labels.chain(more).collect::<Vec<_>>().join(",")
    }
}
