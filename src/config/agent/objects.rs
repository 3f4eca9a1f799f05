//! The agent's ports and the Kubernetes objects it owns, from its variables and defaults.

use crate::config::config_error::ConfigError;
use crate::config::sourced_value::SourcedValue;
use crate::config::values;

/// Namespace of the agent's objects; the agent does not look up its own.
const NAMESPACE: &str = "castai-agent";

/// The agent's ports and Kubernetes objects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Agent {
    /// `HEALTHZ_PORT`: `/healthz` and `/readyz`.
    pub health_port: Result<u16, ConfigError>,
    /// `METRICS_PORT`: `/metrics`.
    pub metrics_port: Result<u16, ConfigError>,
    /// `LEADER_ELECTION_NAMESPACE` and `LEADER_ELECTION_LOCK_NAME`; `None` if leader election is
    /// disabled.
    pub lease: Option<ObjectName>,
    /// `METADATA_STORE_CONFIG_MAP_NAMESPACE` and `METADATA_STORE_CONFIG_MAP_NAME`: where it stores
    /// the cluster ID.
    pub metadata: ObjectName,
    /// `POD_NAME`, `SELF_POD_NAME` or `HOSTNAME`: the name of this pod, except on the host network.
    pub pod: Option<String>,
}

/// Namespace and name of an object.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ObjectName {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Agent {
    /// Reads the agent's environment.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let port = |name: &str, usual: u16| match set(name) {
            None => Ok(usual),
            Some(value) => SourcedValue::variable(name, &value).read(values::port),
        };
        let object = |namespace: &str, name: &str, usual: &str| ObjectName {
            namespace: set(namespace).unwrap_or_else(|| NAMESPACE.to_owned()),
            name: set(name).unwrap_or_else(|| usual.to_owned()),
        };
        // Parsed as viper does: anything that is not a word for true is false.
        let elects = set("LEADER_ELECTION_ENABLED").is_none_or(|value| {
            matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")
        });
        let lease = object(
            "LEADER_ELECTION_NAMESPACE",
            "LEADER_ELECTION_LOCK_NAME",
            "agent-leader-election-lock",
        );
        Self {
            health_port: port("HEALTHZ_PORT", 9876),
            metrics_port: port("METRICS_PORT", 9877),
            lease: elects.then_some(lease),
            metadata: object(
                "METADATA_STORE_CONFIG_MAP_NAMESPACE",
                "METADATA_STORE_CONFIG_MAP_NAME",
                "castai-agent-metadata",
            ),
            pod: ["POD_NAME", "SELF_POD_NAME", "HOSTNAME"]
                .into_iter()
                .find_map(set),
        }
    }
}

impl ObjectName {
    /// Returns `namespace/name`, as `kubectl` users write it.
    pub fn shown(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}
