//! Decides which objects of a namespace belong to CAST AI. The agent may share its namespace with
//! other applications; their objects and logs do not belong into the bundle.

use serde_json::Value;

/// Recognises the objects of CAST AI.
#[derive(Clone, Debug)]
pub struct Ownership {
    /// The name of the agent's Deployment.
    deployment: String,
    /// Whether the namespace holds nothing else.
    is_dedicated: bool,
}

/// The beginning of the names of CAST AI's objects.
const PREFIX: &str = "castai";
/// Labels that name the application.
const LABELS: &[&str] = &[
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/part-of",
    "app",
];
/// Objects that exist in every namespace.
const EVERYWHERE: &[&str] = &["kube-root-ca.crt", "openshift-service-ca.crt", "default"];

impl Ownership {
    /// Recognises the objects in the namespace of a Deployment.
    pub fn new(namespace: &str, deployment: &str) -> Self {
        Self {
            deployment: deployment.to_owned(),
            is_dedicated: namespace.starts_with(PREFIX),
        }
    }

    /// Returns whether an object belongs to CAST AI.
    pub fn owns(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = match &object["involvedObject"]["name"] {
            Value::String(name) => name.clone(),
            _ => text(&metadata["name"]),
        };
        let labelled = LABELS
            .iter()
            .any(|label| text(&metadata["labels"][*label]).starts_with(PREFIX));
        let owned = metadata["ownerReferences"]
            .as_array()
            .is_some_and(|owners| {
                owners
                    .iter()
                    .any(|owner| self.is_name(&text(&owner["name"])))
            });
        let everywhere = EVERYWHERE.contains(&name.as_str());
        self.is_name(&name) || labelled || owned || self.is_dedicated && !everywhere
    }

    fn is_name(&self, name: &str) -> bool {
        let of_deployment = name
            .strip_prefix(self.deployment.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']));
        name.starts_with(PREFIX) || of_deployment
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn other_applications_in_a_shared_namespace_are_left_out() {
        let shared = Ownership::new("kube-system", "my-agent");
        let named = |name: &str| json!({ "metadata": { "name": name } });
        for mine in [
            named("castai-agent-1"),
            named("my-agent"),
            named("my-agent-6d8f"),
            json!({ "metadata": { "name": "x", "labels": { "app.kubernetes.io/name": "castai-kvisor" } } }),
            json!({ "metadata": { "name": "x", "ownerReferences": [{ "name": "castai-spot-handler" }] } }),
            json!({ "metadata": { "name": "x.1" }, "involvedObject": { "name": "castai-agent" } }),
        ] {
            assert!(shared.owns(&mine), "{mine}");
        }
        for other in [named("coredns"), named("my-agents"), json!({})] {
            assert!(!shared.owns(&other), "{other}");
            let dedicated = Ownership::new("castai-agent", "castai-agent");
            assert!(dedicated.owns(&other), "{other}");
        }
        let dedicated = Ownership::new("castai-agent", "castai-agent");
        assert!(!dedicated.owns(&named("kube-root-ca.crt")));
    }
}
