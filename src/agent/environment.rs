//! The environment of the agent's container, by the kubelet's rules, as far as its values are seen.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::agent::object::{Container, EnvFrom, Pod, PodSpec, ValueFrom};
use crate::config::Secret;
use crate::config::elsewhere::Unseen;

/// No Secret or `ConfigMap` is larger.
const MAX_VALUE: u64 = 1 << 20;

/// What is seen of an environment.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) variables: BTreeMap<String, Secret>,
    pub(super) unseen: Vec<Unseen>,
}

/// Secrets and `ConfigMap`s that are mounted here.
#[derive(Debug)]
pub(super) struct Mounts {
    folder: PathBuf,
}

/// A kind of object that holds values.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Secret,
    ConfigMap,
}

/// The environment of the agent's container: `envFrom` first, then `env`, of which the last word counts.
pub(super) fn of(spec: &PodSpec, pod: Option<&Pod>, mounts: &Mounts) -> Seen {
    let mut seen = Seen::default();
    let Some(container) = spec.agent() else {
        return seen;
    };
    for from in &container.env_from {
        seen.take_all(from, mounts);
    }
    seen.take(container, pod, mounts);
    seen
}

impl Seen {
    fn take_all(&mut self, from: &EnvFrom, mounts: &Mounts) {
        let (kind, name) = match (&from.secret_ref, &from.config_map_ref) {
            (Some(secret), _) => (Kind::Secret, &secret.name),
            (None, Some(config_map)) => (Kind::ConfigMap, &config_map.name),
            (None, None) => return,
        };
        match mounts.keys(kind, name) {
            None => self.unseen.push(Unseen {
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

    fn take(&mut self, container: &Container, pod: Option<&Pod>, mounts: &Mounts) {
        for variable in &container.env {
            let name = variable.name.clone();
            match &variable.value_from {
                None => {
                    let value = self.expanded(&variable.value);
                    self.set(name, Some(value));
                }
                Some(from) => match referred(from) {
                    None => self.set(name, field(from, pod)),
                    Some((kind, object, key)) if mounts.keys(kind, object).is_some() => {
                        self.set(name, mounts.value(kind, object, key));
                    }
                    Some((kind, object, _)) => {
                        self.set(name.clone(), None);
                        self.unseen.push(Unseen {
                            variable: Some(name),
                            place: kind.place(object),
                        });
                    }
                },
            }
        }
    }

    /// The last word on a variable; without a value it is not set.
    fn set(&mut self, name: String, value: Option<String>) {
        self.unseen
            .retain(|unseen| unseen.variable.as_deref() != Some(&name));
        match value {
            Some(value) => drop(self.variables.insert(name, Secret::new(value))),
            None => drop(self.variables.remove(&name)),
        }
    }

    /// A value in which `$(NAME)` stands for what was set before; `$$` is a dollar sign, an unknown name stays.
    fn expanded(&self, value: &str) -> String {
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

impl Mounts {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The keys of an object; `None` when it is not mounted. One that does not exist is mounted without keys.
    fn keys(&self, kind: Kind, name: &str) -> Option<Vec<String>> {
        let entries = fs::read_dir(self.folder.join(kind.folder()).join(plain(name)?)).ok()?;
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        // The kubelet's own links begin with two dots.
        let mut keys: Vec<String> = names.filter(|name| !name.starts_with("..")).collect();
        keys.sort();
        Some(keys)
    }

    fn value(&self, kind: Kind, name: &str, key: &str) -> Option<String> {
        let path = self
            .folder
            .join(kind.folder())
            .join(plain(name)?)
            .join(plain(key)?);
        let mut value = Vec::new();
        fs::File::open(path)
            .ok()?
            .take(MAX_VALUE)
            .read_to_end(&mut value)
            .ok()?;
        Some(String::from_utf8_lossy(&value).into_owned())
    }
}

impl Kind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::ConfigMap => "configmaps",
        }
    }

    fn place(self, name: &str) -> String {
        match self {
            Self::Secret => format!("the Secret {name}"),
            Self::ConfigMap => format!("the ConfigMap {name}"),
        }
    }
}

/// A name as one component of a path.
fn plain(name: &str) -> Option<&str> {
    (!name.is_empty() && !name.contains('/') && !name.starts_with("..")).then_some(name)
}

fn referred(from: &ValueFrom) -> Option<(Kind, &str, &str)> {
    match (&from.secret_key_ref, &from.config_map_key_ref) {
        (Some(secret), _) => Some((Kind::Secret, &secret.name, &secret.key)),
        (None, Some(config_map)) => Some((Kind::ConfigMap, &config_map.name, &config_map.key)),
        (None, None) => None,
    }
}

/// A field of the pod, when there is one.
fn field(from: &ValueFrom, pod: Option<&Pod>) -> Option<String> {
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

    fn mounted(files: &[(&str, &str)]) -> (TempDir, Mounts) {
        let dir = TempDir::new().unwrap();
        for (path, content) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mounts = Mounts::new(dir.path());
        (dir, mounts)
    }

    fn seen(pod: &str, mounts: &Mounts) -> Seen {
        let pod: Pod = serde_json::from_str(pod).unwrap();
        of(&pod.spec, Some(&pod), mounts)
    }

    fn value<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
        seen.variables.get(name).map(Secret::reveal)
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

    #[test]
    fn the_environment_is_what_the_kubelet_would_make_of_it() {
        let (_dir, mounts) = mounted(&[
            ("secrets/castai-agent/API_KEY", "key"),
            ("secrets/castai-agent/AWS_ACCESS_KEY_ID", "id"),
            ("secrets/castai-agent/..data", ""),
            ("configmaps/more/REGION", "eu"),
        ]);
        let seen = seen(POD, &mounts);
        assert_eq!(value(&seen, "API_URL"), Some("https://api.cast.ai"));
        assert_eq!(
            value(&seen, "BOTH"),
            Some("https://api.cast.ai/$(API_URL)/$(NONE)")
        );
        assert_eq!(value(&seen, "SELF_POD_NODE"), Some("node1"));
        assert_eq!(value(&seen, "API_KEY"), Some("key"));
        assert_eq!(value(&seen, "AWS_ACCESS_KEY_ID"), Some("id"));
        assert_eq!(value(&seen, "X_REGION"), Some("eu"));
        assert_eq!(seen.variables.len(), 6, "{:?}", seen.variables.keys());
        let unseen: Vec<_> = seen
            .unseen
            .iter()
            .map(|one| (one.variable.as_deref(), one.place.as_str()))
            .collect();
        assert_eq!(
            unseen,
            [
                (None, "the Secret hidden"),
                (Some("TLS_CA_CERT_FILE"), "the Secret elsewhere")
            ]
        );
    }

    #[test]
    fn a_secret_that_is_mounted_but_does_not_exist_hides_nothing() {
        let (dir, mounts) = mounted(&[]);
        for name in ["castai-agent", "hidden", "elsewhere"] {
            fs::create_dir_all(dir.path().join("secrets").join(name)).unwrap();
        }
        fs::create_dir_all(dir.path().join("configmaps/more")).unwrap();
        let seen = seen(POD, &mounts);
        assert!(seen.unseen.is_empty(), "{:?}", seen.unseen);
        assert_eq!(value(&seen, "API_KEY"), None);
    }

    #[test]
    fn a_name_never_leaves_the_folder() {
        let (dir, mounts) = mounted(&[("secrets/a/KEY", "value")]);
        fs::write(dir.path().join("outside"), "secret").unwrap();
        assert_eq!(mounts.value(Kind::Secret, "..", "outside"), None);
        assert_eq!(mounts.value(Kind::Secret, "a", "../../outside"), None);
        assert_eq!(mounts.keys(Kind::Secret, "a/.."), None);
    }
}
