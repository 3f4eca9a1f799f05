//! The few fields that are read of Deployments, `ReplicaSet`s and pods.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// The agent's own container.
const AGENT: &str = "agent";
/// Where the controller of Deployments notes the revision.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// What stands around the items of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    #[serde(default)]
    pub(super) metadata: Page,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    pub(super) r#continue: String,
}

/// A short list.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Deployment {
    pub(super) metadata: Metadata,
    pub(super) spec: DeploymentSpec,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeploymentSpec {
    pub(super) selector: Selector,
    pub(super) template: Template,
}

#[derive(Debug, Deserialize)]
pub(super) struct Template {
    pub(super) spec: PodSpec,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReplicaSet {
    pub(super) metadata: Metadata,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pod {
    pub(super) metadata: Metadata,
    pub(super) spec: PodSpec,
    #[serde(default)]
    pub(super) status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodStatus {
    #[serde(default, rename = "podIP")]
    pub(super) pod_ip: Option<String>,
    #[serde(default, rename = "hostIP")]
    pub(super) host_ip: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) name: String,
    #[serde(default)]
    pub(super) namespace: String,
    pub(super) uid: String,
    #[serde(default)]
    pub(super) creation_timestamp: String,
    #[serde(default)]
    pub(super) deletion_timestamp: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    owner_references: Vec<Owner>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Owner {
    kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    #[serde(default)]
    controller: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Selector {
    #[serde(default)]
    match_labels: BTreeMap<String, String>,
    #[serde(default)]
    match_expressions: Vec<Requirement>,
}

#[derive(Debug, Deserialize)]
struct Requirement {
    key: String,
    operator: String,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec {
    #[serde(default)]
    pub(super) containers: Vec<Container>,
    #[serde(default)]
    pub(super) node_name: Option<String>,
    #[serde(default)]
    service_account_name: Option<String>,
    #[serde(default)]
    pub(super) volumes: Vec<Volume>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Volume {
    pub(super) name: String,
    #[serde(default)]
    pub(super) projected: Projected,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Projected {
    #[serde(default)]
    pub(super) sources: Vec<Projection>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Projection {
    #[serde(default)]
    pub(super) service_account_token: Option<ProjectedToken>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ProjectedToken {
    #[serde(default)]
    pub(super) audience: String,
    pub(super) path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VolumeMount {
    pub(super) name: String,
    pub(super) mount_path: PathBuf,
    #[serde(default)]
    pub(super) sub_path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    #[serde(default)]
    pub(super) image: String,
    #[serde(default)]
    pub(super) env: Vec<Variable>,
    #[serde(default)]
    pub(super) env_from: Vec<EnvFrom>,
    #[serde(default)]
    pub(super) volume_mounts: Vec<VolumeMount>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Variable {
    pub(super) name: String,
    #[serde(default)]
    pub(super) value: String,
    #[serde(default)]
    pub(super) value_from: Option<ValueFrom>,
}

/// Where a value comes from; what is none of these is a resource of the container, which the agent never asks for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the API's own names")]
pub(super) struct ValueFrom {
    #[serde(default)]
    pub(super) field_ref: Option<FieldRef>,
    #[serde(default)]
    pub(super) secret_key_ref: Option<KeyRef>,
    #[serde(default)]
    pub(super) config_map_key_ref: Option<KeyRef>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldRef {
    pub(super) field_path: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct KeyRef {
    #[serde(default)]
    pub(super) name: String,
    pub(super) key: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvFrom {
    #[serde(default)]
    pub(super) prefix: String,
    #[serde(default)]
    pub(super) secret_ref: Option<NameRef>,
    #[serde(default)]
    pub(super) config_map_ref: Option<NameRef>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NameRef {
    #[serde(default)]
    pub(super) name: String,
}

impl Metadata {
    /// An annotation.
    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).map(String::as_str)
    }

    /// The revision of a Deployment, as its controller notes it there and at its `ReplicaSet`s.
    pub(super) fn revision(&self) -> Option<&str> {
        self.annotation(REVISION)
    }

    /// The object of a kind that controls this one.
    pub(super) fn owner(&self, kind: &str) -> Option<&Owner> {
        self.owner_references
            .iter()
            .find(|owner| owner.controller && owner.kind == kind)
    }
}

impl PodSpec {
    /// The agent's container, which is the first where none has its name.
    pub(super) fn agent(&self) -> Option<&Container> {
        let named = self
            .containers
            .iter()
            .find(|container| container.name == AGENT);
        named.or(self.containers.first())
    }

    pub(super) fn service_account(&self) -> Option<&str> {
        self.service_account_name
            .as_deref()
            .filter(|name| !name.is_empty())
    }
}

impl Selector {
    /// As a query's `labelSelector`.
    pub(super) fn text(&self) -> String {
        let labels = self
            .match_labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        let expressions = self.match_expressions.iter().map(|requirement| {
            let Requirement {
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
        labels.chain(expressions).collect::<Vec<_>>().join(",")
    }
}
