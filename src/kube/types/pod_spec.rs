//! The spec of a pod, with the fields that determine a container's environment and token files.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::kube::types::lenient;
use crate::kube::types::object::{Map, Object};

/// A pod with its spec, addresses and annotations.
pub type PodWithSpec = Object<PodSpec, PodAddresses, IgnoredAny, Map>;

/// The spec of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// The containers.
    #[serde(deserialize_with = "lenient::list")]
    pub containers: Vec<Container>,
    /// The node that the pod is assigned to.
    pub node_name: Option<String>,
    /// The service account.
    pub service_account_name: Option<String>,
    /// The volumes.
    #[serde(deserialize_with = "lenient::list")]
    pub volumes: Vec<Volume>,
}

/// The addresses of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodAddresses {
    /// The address of the pod.
    #[serde(rename = "podIP")]
    pub pod_ip: Option<String>,
    /// The address of its node.
    #[serde(rename = "hostIP")]
    pub host_ip: Option<String>,
}

/// A container.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// The name.
    pub name: String,
    /// The image.
    #[serde(default)]
    pub image: String,
    /// The environment variables.
    #[serde(default, deserialize_with = "lenient::list")]
    pub env: Vec<EnvVar>,
    /// The objects with keys that become environment variables.
    #[serde(default, deserialize_with = "lenient::list")]
    pub env_from: Vec<EnvFromSource>,
    /// The mounted volumes.
    #[serde(default, deserialize_with = "lenient::list")]
    pub volume_mounts: Vec<VolumeMount>,
}

/// An environment variable.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// The name.
    pub name: String,
    /// The value, unless it comes from elsewhere.
    #[serde(default)]
    pub value: String,
    /// The source of the value.
    #[serde(default)]
    pub value_from: Option<EnvVarSource>,
}

/// The source of a variable's value. Resource fields, which the agent does not use, are omitted.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvVarSource {
    /// A field of the pod.
    #[serde(default)]
    pub field_ref: Option<FieldSelector>,
    /// A key of a Secret.
    #[serde(default)]
    pub secret_key_ref: Option<KeySelector>,
    /// A key of a `ConfigMap`.
    #[serde(default)]
    pub config_map_key_ref: Option<KeySelector>,
}

/// A field of the pod.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldSelector {
    /// The path, such as `spec.nodeName`.
    pub field_path: String,
}

/// A key of a Secret or `ConfigMap`.
#[derive(Clone, Debug, Deserialize)]
pub struct KeySelector {
    /// The object's name.
    #[serde(default)]
    pub name: String,
    /// The key.
    pub key: String,
}

/// An object with keys that become environment variables.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvFromSource {
    /// The prefix of each variable.
    #[serde(default)]
    pub prefix: String,
    /// A Secret.
    #[serde(default)]
    pub secret_ref: Option<LocalObjectReference>,
    /// A `ConfigMap`.
    #[serde(default)]
    pub config_map_ref: Option<LocalObjectReference>,
}

/// The name of an object in the same namespace.
#[derive(Clone, Debug, Deserialize)]
pub struct LocalObjectReference {
    /// The name.
    #[serde(default)]
    pub name: String,
}

/// A volume.
#[derive(Clone, Debug, Deserialize)]
pub struct Volume {
    /// The name.
    pub name: String,
    /// The projected sources.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub projected: ProjectedVolumeSource,
}

/// The sources of a projected volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ProjectedVolumeSource {
    /// The sources.
    #[serde(deserialize_with = "lenient::list")]
    pub sources: Vec<VolumeProjection>,
}

/// A source of a projected volume.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeProjection {
    /// A service-account token.
    #[serde(default)]
    pub service_account_token: Option<ServiceAccountTokenProjection>,
}

/// A service-account token in a projected volume.
#[derive(Clone, Debug, Deserialize)]
pub struct ServiceAccountTokenProjection {
    /// The audience; empty is the API server's.
    #[serde(default)]
    pub audience: String,
    /// The path in the volume.
    pub path: String,
}

/// A mounted volume.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMount {
    /// The name of the volume.
    pub name: String,
    /// The path in the container.
    pub mount_path: PathBuf,
    /// The path in the volume; empty is its root.
    #[serde(default)]
    pub sub_path: String,
}

impl PodSpec {
    /// Returns the service account, if one is set.
    pub fn service_account(&self) -> Option<&str> {
        self.service_account_name
            .as_deref()
            .filter(|name| !name.is_empty())
    }
}
