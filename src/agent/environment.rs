//! Resolves the environment of the agent's container by the kubelet's rules, as far as its sources
//! are mounted.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::agent::aws_identity::agent_container;
use crate::config::agent::discovered::UnresolvedVariable;
use crate::config::{Secret, regular_file};
use crate::kube::types::pod_spec::{Container, EnvFromSource, EnvVarSource, PodSpec, PodWithSpec};

/// Largest value of a Secret or `ConfigMap`, in bytes.
const MAX_VALUE_BYTES: u64 = 1 << 20;

/// The resolved part of an environment.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) variables: BTreeMap<String, Secret>,
    pub(super) unresolved: Vec<UnresolvedVariable>,
}

/// The Secrets and `ConfigMaps` that are mounted in this pod.
#[derive(Debug)]
pub(super) struct MountedObjects {
    directory: PathBuf,
}

/// The kind of an object with values.
#[derive(Clone, Copy, Debug)]
enum ObjectKind {
    Secret,
    ConfigMap,
}

/// Resolves `envFrom`, then `env`. The last definition of a variable takes effect.
pub(super) fn resolve(
    spec: &PodSpec,
    pod: Option<&PodWithSpec>,
    mounts: &MountedObjects,
) -> Environment {
    let mut environment = Environment::default();
    let Some(container) = agent_container(spec) else {
        return environment;
    };
    for from in &container.env_from {
        environment.add_all(from, mounts);
    }
    environment.add(container, pod, mounts);
    environment
}

impl Environment {
    fn add_all(&mut self, from: &EnvFromSource, mounts: &MountedObjects) {
        let (kind, name) = match (&from.secret_ref, &from.config_map_ref) {
            (Some(secret), _) => (ObjectKind::Secret, &secret.name),
            (None, Some(config_map)) => (ObjectKind::ConfigMap, &config_map.name),
            (None, None) => return,
        };
        match mounts.keys(kind, name) {
            None => self.unresolved.push(UnresolvedVariable {
                variable: None,
                place: kind.place(name),
            }),
            Some(keys) => {
                for key in keys {
                    let variable = format!("{}{key}", from.prefix);
                    if let Some(value) = mounts.value(kind, name, &key) {
                        self.set(variable, Some(value));
                    }
                }
            }
        }
    }

    fn add(&mut self, container: &Container, pod: Option<&PodWithSpec>, mounts: &MountedObjects) {
        for variable in &container.env {
            let name = variable.name.clone();
            match &variable.value_from {
                None => {
                    let value = self.expand(&variable.value);
                    self.set(name, Some(value));
                }
                Some(from) => match referenced_key(from) {
                    None => self.set(name, pod_field(from, pod)),
                    Some((kind, object, key)) => {
                        let value = mounts.value(kind, object, key);
                        let is_visible = value.is_some() || mounts.has_all_keys(kind, object);
                        self.set(name.clone(), value);
                        if !is_visible {
                            let place = match mounts.keys(kind, object) {
                                Some(_) => format!("the key {key} of {}", kind.place(object)),
                                None => kind.place(object),
                            };
                            self.unresolved.push(UnresolvedVariable {
                                variable: Some(name),
                                place,
                            });
                        }
                    }
                },
            }
        }
    }

    /// Sets a variable, or removes it if it has no value.
    fn set(&mut self, name: String, value: Option<String>) {
        self.unresolved
            .retain(|unresolved| unresolved.variable.as_deref() != Some(&name));
        match value {
            Some(value) => drop(self.variables.insert(name, Secret::unregistered(value))),
            None => drop(self.variables.remove(&name)),
        }
    }

    /// Expands `$(NAME)` to the value of an earlier variable and `$$` to `$`. Unknown names stay as
    /// they are.
    fn expand(&self, value: &str) -> String {
        let (mut expanded, mut rest) = (String::new(), value);
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let reference = after
                .strip_prefix('(')
                .and_then(|after| after.split_once(')'));
            rest = match (after.strip_prefix('$'), reference) {
                (Some(after), _) => {
                    expanded.push('$');
                    after
                }
                (None, Some((name, after))) if self.variables.contains_key(name) => {
                    expanded.push_str(self.variables[name].reveal());
                    after
                }
                (None, _) => {
                    expanded.push('$');
                    after
                }
            };
        }
        expanded.push_str(rest);
        expanded
    }
}

impl MountedObjects {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// Returns where an object may be mounted: with all its keys, or only with some.
    fn directories(&self, kind: ObjectKind, name: &str) -> impl Iterator<Item = PathBuf> {
        let name = path_component(name).map(str::to_owned);
        let parents = kind
            .directories()
            .iter()
            .map(|parent| self.directory.join(parent));
        parents
            .zip(std::iter::repeat(name))
            .filter_map(|(parent, name)| Some(parent.join(name?)))
    }

    /// Returns the keys of an object that the agent may use; `None` if it is not mounted. An optional
    /// object that does not exist has no keys.
    fn keys(&self, kind: ObjectKind, name: &str) -> Option<Vec<String>> {
        let entries = self
            .directories(kind, name)
            .find_map(|directory| fs::read_dir(directory).ok())?;
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        // The kubelet's own links start with two dots.
        let mut keys: Vec<String> = names.filter(|name| !name.starts_with("..")).collect();
        keys.sort();
        Some(keys)
    }

    /// Returns whether an object is mounted with every key that it has.
    fn has_all_keys(&self, kind: ObjectKind, name: &str) -> bool {
        self.directories(kind, name)
            .next()
            .is_some_and(|directory| directory.is_dir())
    }

    fn value(&self, kind: ObjectKind, name: &str, key: &str) -> Option<String> {
        let key = path_component(key)?;
        let file = self
            .directories(kind, name)
            .find_map(|directory| regular_file::open(&directory.join(key)).ok())?;
        let mut value = Vec::new();
        file.take(MAX_VALUE_BYTES).read_to_end(&mut value).ok()?;
        Some(String::from_utf8_lossy(&value).into_owned())
    }
}

impl ObjectKind {
    /// Returns the directories of objects that are mounted with all their keys, and of those that
    /// are not.
    const fn directories(self) -> &'static [&'static str] {
        match self {
            Self::Secret => &["secrets", "secret-keys"],
            Self::ConfigMap => &["configmaps"],
        }
    }

    fn place(self, name: &str) -> String {
        match self {
            Self::Secret => format!("the Secret {name}"),
            Self::ConfigMap => format!("the ConfigMap {name}"),
        }
    }
}

/// Returns a name that is safe as one component of a path.
fn path_component(name: &str) -> Option<&str> {
    (!name.is_empty() && !name.contains('/') && !name.starts_with("..")).then_some(name)
}

fn referenced_key(from: &EnvVarSource) -> Option<(ObjectKind, &str, &str)> {
    match (&from.secret_key_ref, &from.config_map_key_ref) {
        (Some(secret), _) => Some((ObjectKind::Secret, &secret.name, &secret.key)),
        (None, Some(config_map)) => {
            Some((ObjectKind::ConfigMap, &config_map.name, &config_map.key))
        }
        (None, None) => None,
    }
}

/// Returns the value of a pod field.
fn pod_field(from: &EnvVarSource, pod: Option<&PodWithSpec>) -> Option<String> {
    let pod = pod?;
    match from.field_ref.as_ref()?.field_path.as_str() {
        "metadata.name" => Some(pod.metadata.name.clone()),
        "metadata.namespace" => Some(pod.metadata.namespace.clone()),
        "metadata.uid" => Some(pod.metadata.uid.clone()),
        "spec.nodeName" => pod.spec.node_name.clone(),
        "spec.serviceAccountName" => pod.spec.service_account().map(str::to_owned),
        "status.podIP" => pod.status.pod_ip.clone(),
        "status.hostIP" => pod.status.host_ip.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn mounted(files: &[(&str, &str)]) -> (TempDir, MountedObjects) {
        let dir = TempDir::new().unwrap();
        for (path, content) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mounts = MountedObjects::new(dir.path());
        (dir, mounts)
    }

    fn environment(pod: &str, mounts: &MountedObjects) -> Environment {
        let pod: PodWithSpec = serde_json::from_str(pod).unwrap();
        resolve(&pod.spec, Some(&pod), mounts)
    }

    fn value<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
        environment.variables.get(name).map(Secret::reveal)
    }

    const POD: &str = r#"{
        "metadata": {"name": "castai-agent-1", "namespace": "castai-agent", "uid": "u"},
        "spec": {"nodeName": "node1", "containers": [
            {"name": "sidecar", "env": [{"name": "API_URL", "value": "https://wrong"}]},
            {"name": "agent",
             "envFrom": [{"secretRef": {"name": "castai-agent"}}, {"prefix": "X_", "configMapRef": {"name": "more"}}, {"secretRef": {"name": "hidden"}}],
             "env": [
                {"name": "API_URL", "value": "https://api.cast.ai"},
                {"name": "BOTH", "value": "$(API_URL)/$$(API_URL)/$(NONE)"},
                {"name": "SELF_POD_NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                {"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "castai-agent", "key": "API_KEY"}}},
                {"name": "TLS_CA_CERT_FILE", "valueFrom": {"secretKeyRef": {"name": "elsewhere", "key": "ca"}}},
                {"name": "GOMEMLIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}}
             ]}
        ]}}"#;

    /// Returns the unresolved variables and where they come from.
    fn unresolved(environment: &Environment) -> Vec<(Option<&str>, &str)> {
        let unresolved = environment.unresolved.iter();
        unresolved
            .map(|one| (one.variable.as_deref(), one.place.as_str()))
            .collect()
    }

    #[test]
    fn environment_is_resolved_by_the_kubelets_rules() {
        let (_dir, mounts) = mounted(&[
            ("secrets/castai-agent/API_KEY", "key"),
            ("secrets/castai-agent/AWS_ACCESS_KEY_ID", "id"),
            ("secrets/castai-agent/..data", ""),
            ("configmaps/more/REGION", "eu"),
        ]);
        let environment = environment(POD, &mounts);
        assert_eq!(value(&environment, "API_URL"), Some("https://api.cast.ai"));
        assert_eq!(
            value(&environment, "BOTH"),
            Some("https://api.cast.ai/$(API_URL)/$(NONE)")
        );
        assert_eq!(value(&environment, "SELF_POD_NODE"), Some("node1"));
        assert_eq!(value(&environment, "API_KEY"), Some("key"));
        assert_eq!(value(&environment, "AWS_ACCESS_KEY_ID"), Some("id"));
        assert_eq!(value(&environment, "X_REGION"), Some("eu"));
        assert_eq!(
            environment.variables.len(),
            6,
            "{:?}",
            environment.variables.keys()
        );
        assert_eq!(
            unresolved(&environment),
            [
                (None, "the Secret hidden"),
                (Some("TLS_CA_CERT_FILE"), "the Secret elsewhere")
            ]
        );
    }

    #[test]
    fn secret_with_selected_keys_hides_only_the_others() {
        let (_dir, mounts) = mounted(&[
            ("secret-keys/castai-agent/API_KEY", "key"),
            ("secret-keys/elsewhere/other", "value"),
            ("secrets/hidden/PROVIDER", "gke"),
            ("configmaps/more/REGION", "eu"),
        ]);
        let environment = environment(POD, &mounts);
        assert_eq!(value(&environment, "API_KEY"), Some("key"));
        assert_eq!(value(&environment, "PROVIDER"), Some("gke"));
        assert_eq!(
            unresolved(&environment),
            [(
                Some("TLS_CA_CERT_FILE"),
                "the key ca of the Secret elsewhere"
            )]
        );
    }

    #[test]
    fn mounted_secret_that_does_not_exist_leaves_nothing_unresolved() {
        let (dir, mounts) = mounted(&[]);
        for name in ["castai-agent", "hidden", "elsewhere"] {
            fs::create_dir_all(dir.path().join("secrets").join(name)).unwrap();
        }
        fs::create_dir_all(dir.path().join("configmaps/more")).unwrap();
        let environment = environment(POD, &mounts);
        assert!(
            environment.unresolved.is_empty(),
            "{:?}",
            environment.unresolved
        );
        assert_eq!(value(&environment, "API_KEY"), None);
    }

    #[test]
    fn names_cannot_escape_the_mount_directory() {
        let (dir, mounts) = mounted(&[("secrets/a/KEY", "value")]);
        fs::write(dir.path().join("outside"), "secret").unwrap();
        assert_eq!(mounts.value(ObjectKind::Secret, "..", "outside"), None);
        assert_eq!(mounts.value(ObjectKind::Secret, "a", "../../outside"), None);
        assert_eq!(mounts.keys(ObjectKind::Secret, "a/.."), None);
    }
}
