//! Kubernetes objects, reduced to what may leave the cluster: the structure, numbers and switches,
//! and the texts of listed fields. Every other text is replaced by its length.

mod shown_fields;

use serde_json::{Map, Value};
use shown_fields::{is_shown_annotation, is_shown_field, is_shown_label, is_shown_list};

use crate::bundle::allowed_values::{redacted, variable};
use crate::bundle::arguments;
use crate::bundle::learned_secrets::LearnedSecrets;
use crate::bundle::limits::TOO_DEEP;
use crate::redaction::shareable;

/// Fields that are left out: they repeat the object, with its values.
const DROPPED: &[&str] = &["managedFields"];
/// The annotation in which kubectl keeps the whole object, and others that repeat it.
const DROPPED_ANNOTATIONS: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    "objectset.rio.cattle.io/applied",
    "banzaicloud.com/last-applied",
];
/// Deepest nesting that is kept.
const MAX_DEPTH: usize = 32;

/// Returns an object as it may leave the cluster, and learns the secrets in what is redacted.
pub fn reduced(object: &Value, learned: &mut LearnedSecrets) -> Value {
    Reducer { learned }.value("", object, 0)
}

struct Reducer<'a> {
    learned: &'a mut LearnedSecrets,
}

impl Reducer<'_> {
    fn value(&mut self, field: &str, value: &Value, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            return TOO_DEEP.into();
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
            Value::String(text) => self.text(field, text).into(),
            Value::Array(values) => self.list(field, values, depth),
            Value::Object(fields) => self.fields(field, fields, depth),
        }
    }

    fn text(&mut self, field: &str, text: &str) -> String {
        if is_shown_field(field) {
            text.to_owned()
        } else {
            self.hidden(field, text)
        }
    }

    fn hidden(&mut self, name: &str, text: &str) -> String {
        self.learned.learn(name, text);
        redacted(text)
    }

    fn list(&mut self, field: &str, values: &[Value], depth: usize) -> Value {
        if matches!(field, "args" | "command") {
            let words: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            let mut flag = "";
            for word in &words {
                let pair = word.split_once('=');
                if let Some((name, value)) = pair {
                    self.learned.learn(name, value);
                }
                // The value after a flag may contain `=`, too: base64 often does.
                if pair.is_none() || !word.starts_with("--") {
                    self.learned.learn(flag, word);
                }
                flag = word;
            }
            return arguments::shown(words.into_iter()).into();
        }
        let entries = values.iter().map(|value| match value {
            Value::String(text) if is_shown_list(field) => text.clone().into(),
            value => self.value(field, value, depth + 1),
        });
        entries.collect()
    }

    fn fields(&mut self, field: &str, fields: &Map<String, Value>, depth: usize) -> Value {
        let is_variable = field == "env" && fields.contains_key("name");
        let is_header = field == "httpHeaders";
        let name = fields
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let shows_expression = fields
            .get("key")
            .and_then(Value::as_str)
            .is_some_and(is_shown_label);
        let mut kept = Map::new();
        for (key, value) in fields {
            if DROPPED.contains(&key.as_str()) {
                continue;
            }
            let value = match (field, key.as_str(), value) {
                ("annotations", key, _) if DROPPED_ANNOTATIONS.contains(&key) => {
                    self.learn_from_json(value);
                    continue;
                }
                ("annotations", key, Value::String(text)) if !is_shown_annotation(key) => {
                    self.learn_from_json(value);
                    self.hidden(key, text).into()
                }
                ("annotations", _, Value::String(text)) => text.clone().into(),
                (
                    "labels" | "matchLabels" | "nodeSelector" | "selector",
                    key,
                    Value::String(text),
                ) => {
                    if is_shown_label(key) {
                        text.clone().into()
                    } else {
                        self.hidden(key, text).into()
                    }
                }
                ("data" | "binaryData" | "stringData", key, Value::String(text)) => {
                    self.hidden(key, text).into()
                }
                (
                    "requests" | "limits" | "capacity" | "allocatable" | "hard" | "used",
                    _,
                    Value::String(text),
                ) if is_quantity(text) => text.clone().into(),
                (_, "value", Value::String(text)) if is_variable => {
                    self.learned.learn(name, text);
                    variable(name, text).into()
                }
                (_, "value", Value::String(text)) if is_header => self.hidden(name, text).into(),
                (_, "values", Value::Array(values)) if shows_expression => values
                    .iter()
                    .filter(|value| value.is_string())
                    .cloned()
                    .collect(),
                (_, key, value) => self.value(key, value, depth + 1),
            };
            kept.insert(shareable(key).text, value);
        }
        kept.into()
    }

    /// Learns the secrets of an annotation that repeats an object as JSON.
    fn learn_from_json(&mut self, annotation: &Value) {
        let object = annotation.as_str().map(serde_json::from_str::<Value>);
        if let Some(Ok(object @ Value::Object(_))) = object {
            // The result is dropped: only what it hides matters.
            drop(self.value("", &object, 1));
        }
    }
}

/// Returns whether a text is an amount of a resource, such as `100m` or `64Mi`.
fn is_quantity(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    text.len() <= 24
        && unit.len() < text.len()
        && matches!(
            unit,
            "" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei"
        )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reduce(object: &Value) -> Value {
        reduced(object, &mut LearnedSecrets::default())
    }

    #[test]
    fn values_that_are_not_listed_are_replaced_by_their_length() {
        let object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "agent-1",
                "labels": { "app.kubernetes.io/name": "castai-agent", "team": "hunter2" },
                "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": "{}",
                    "deployment.kubernetes.io/revision": "3",
                    "vault": "hunter2",
                },
                "managedFields": [{ "manager": "hunter2" }],
            },
            "spec": {
                "containers": [{
                    "name": "agent", "image": "reg.io/agent:v1",
                    "args": ["run", "--password", "hunter2"],
                    "env": [
                        { "name": "PROVIDER", "value": "eks" },
                        { "name": "FOO", "value": "hunter2" },
                        { "name": "API_KEY", "valueFrom": { "secretKeyRef": { "name": "s", "key": "API_KEY" } } },
                    ],
                    "livenessProbe": { "httpGet": { "port": 1, "httpHeaders": [{ "name": "X", "value": "hunter2" }] } },
                    "resources": { "limits": { "memory": "64Mi", "odd": "hunter2" } },
                }],
                "affinity": { "x": [
                    { "key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"] },
                    { "key": "team", "operator": "In", "values": ["hunter2"] },
                ] },
                "someNewField": "hunter2", "replicas": 2,
            },
        });
        let reduced = reduce(&object);
        let hidden = "(redacted, 7 characters)";
        assert_eq!(
            reduced,
            json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {
                    "name": "agent-1",
                    "labels": { "app.kubernetes.io/name": "castai-agent", "team": hidden },
                    "annotations": { "deployment.kubernetes.io/revision": "3", "vault": hidden },
                },
                "spec": {
                    "containers": [{
                        "name": "agent", "image": "reg.io/agent:v1",
                        "args": ["run", "--password", hidden],
                        "env": [
                            { "name": "PROVIDER", "value": "eks" },
                            { "name": "FOO", "value": hidden },
                            { "name": "API_KEY", "valueFrom": { "secretKeyRef": { "name": "s", "key": "API_KEY" } } },
                        ],
                        "livenessProbe": { "httpGet": { "port": 1, "httpHeaders": [{ "name": "X", "value": hidden }] } },
                        "resources": { "limits": { "memory": "64Mi", "odd": hidden } },
                    }],
                    "affinity": { "x": [
                        { "key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"] },
                        { "key": "team", "operator": "In", "values": [hidden] },
                    ] },
                    "someNewField": hidden, "replicas": 2,
                },
            })
        );
    }

    #[test]
    fn config_maps_keep_only_their_keys() {
        let map = json!({ "kind": "ConfigMap", "data": { "a.yaml": "x: hunter2" }, "binaryData": { "b": "aGk=" } });
        assert_eq!(
            reduce(&map),
            json!({
                "kind": "ConfigMap",
                "data": { "a.yaml": "(redacted, 10 characters)" },
                "binaryData": { "b": "(redacted, 4 characters)" },
            })
        );
    }

    #[test]
    fn secrets_of_the_last_applied_configuration_are_learned() {
        let applied = json!({ "env": [{ "name": "DB_PASSWORD", "value": "vie3Oopahch7Ahx" }] });
        let object = json!({ "metadata": { "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": applied.to_string(),
        } } });
        let mut learned = LearnedSecrets::default();
        reduced(&object, &mut learned);
        assert_eq!(shareable("with vie3Oopahch7Ahx").text, "with [redacted]");
    }

    #[test]
    fn base64_after_a_flag_is_learned() {
        let line = "login with k9J2hGq8ZxW4vT1m== refused";
        assert_eq!(shareable(line).text, line);
        let container = json!({ "args": ["run", "--token", "k9J2hGq8ZxW4vT1m=="] });
        let mut learned = LearnedSecrets::default();
        reduced(&container, &mut learned);
        assert_eq!(shareable(line).text, "login with [redacted] refused");
    }

    #[test]
    fn nesting_is_cut_at_its_limit() {
        let mut object = json!("x");
        for _ in 0..100 {
            object = json!([object]);
        }
        let (mut reduced, mut depth) = (reduce(&object), 0);
        while let Value::Array(mut values) = reduced {
            reduced = values.remove(0);
            depth += 1;
        }
        assert_eq!((depth, reduced), (MAX_DEPTH + 1, json!(TOO_DEEP)));
    }
}
