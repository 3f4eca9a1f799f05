//! Whether the resource quotas of a namespace have room for all pods of the agent.
//!
//! A dry run tries one pod; the quota must also hold the others.

use serde_json::Value;

use crate::preflight::quantity::Quantity;

/// A pod as the API server admitted it, with all defaults, and the number of such pods.
#[derive(Clone, Debug)]
pub struct PodDemand {
    /// The pod.
    pub pod: Value,
    /// The number of them that the workload creates.
    pub replicas: u32,
}

/// The resources of a container, and the names under which a quota limits them.
const CONTAINER_RESOURCES: &[(&str, &str, &[&str])] = &[
    ("requests", "cpu", &["requests.cpu", "cpu"]),
    ("requests", "memory", &["requests.memory", "memory"]),
    (
        "requests",
        "ephemeral-storage",
        &["requests.ephemeral-storage", "ephemeral-storage"],
    ),
    ("limits", "cpu", &["limits.cpu"]),
    ("limits", "memory", &["limits.memory"]),
    ("limits", "ephemeral-storage", &["limits.ephemeral-storage"]),
];
/// The names under which a quota limits the number of pods.
const POD_COUNTS: &[&str] = &["pods", "count/pods"];

/// Returns a sentence for each limit of a quota that these pods exceed. `quotas` is a
/// `ResourceQuotaList`.
pub fn exceeded(quotas: &Value, demands: &[PodDemand]) -> Vec<String> {
    let items = quotas["items"].as_array().into_iter().flatten();
    items
        .flat_map(|quota| exceeded_by(quota, demands))
        .collect()
}

fn exceeded_by(quota: &Value, demands: &[PodDemand]) -> Vec<String> {
    let name = quota["metadata"]["name"].as_str().unwrap_or_default();
    let demands: Vec<_> = demands
        .iter()
        .filter(|demand| applies_to(&quota["spec"], &demand.pod["spec"]))
        .collect();
    let pods: Quantity = demands
        .iter()
        .map(|demand| Quantity::whole(demand.replicas))
        .sum();
    let mut sentences = Vec::new();
    let mut compare = |limit: &str, needed: Quantity| {
        let amount = |amounts: &Value| amounts[limit].as_str().and_then(Quantity::parse);
        let Some(hard) = amount(&quota["spec"]["hard"]) else {
            return;
        };
        let used = amount(&quota["status"]["used"]).unwrap_or_default();
        let left = (hard - used).max(Quantity::default());
        if needed > left {
            sentences.push(format!(
                "quota {name} has {left} of {hard} {limit} left, and the agent's pods need {needed}"
            ));
        }
    };
    for limit in POD_COUNTS {
        compare(limit, pods);
    }
    for (kind, resource, limits) in CONTAINER_RESOURCES {
        let needed: Quantity = demands
            .iter()
            .map(|demand| of_pod(&demand.pod["spec"], kind, resource) * demand.replicas)
            .sum();
        for limit in *limits {
            compare(limit, needed);
        }
    }
    sentences
}

/// Returns the amount that counts for a pod: of its containers together, or of the largest init
/// container.
pub fn of_pod(spec: &Value, kind: &str, resource: &str) -> Quantity {
    let amount = |container: &Value| {
        container["resources"][kind][resource]
            .as_str()
            .and_then(Quantity::parse)
            .unwrap_or_default()
    };
    let list = |name: &str| spec[name].as_array().cloned().unwrap_or_default();
    let (init, containers) = (list("initContainers"), list("containers"));
    let restarts = |container: &&Value| container["restartPolicy"] == "Always";
    let running: Quantity = containers
        .iter()
        .chain(init.iter().filter(restarts))
        .map(amount)
        .sum();
    init.iter()
        .map(amount)
        .max()
        .unwrap_or_default()
        .max(running)
}

/// Returns whether a quota counts a pod.
fn applies_to(quota: &Value, pod: &Value) -> bool {
    let plain = quota["scopes"].as_array().into_iter().flatten();
    let plain = plain.filter_map(Value::as_str).map(|scope| (scope, None));
    let selected = quota["scopeSelector"]["matchExpressions"].as_array();
    let selected = selected
        .into_iter()
        .flatten()
        .filter_map(|expression| Some((expression["scopeName"].as_str()?, Some(expression))));
    plain
        .chain(selected)
        .all(|(scope, expression)| has_scope(scope, expression, pod))
}

fn has_scope(scope: &str, expression: Option<&Value>, pod: &Value) -> bool {
    let requests_something = ["containers", "initContainers"].iter().any(|list| {
        let containers = pod[*list].as_array().into_iter().flatten();
        containers
            .map(|container| &container["resources"])
            .any(|resources| {
                ["requests", "limits"].iter().any(|kind| {
                    resources[*kind]
                        .as_object()
                        .is_some_and(|of| !of.is_empty())
                })
            })
    });
    match scope {
        "Terminating" => pod["activeDeadlineSeconds"].is_number(),
        "NotTerminating" => !pod["activeDeadlineSeconds"].is_number(),
        "BestEffort" => !requests_something,
        "NotBestEffort" => requests_something,
        "PriorityClass" => has_priority_class(expression, pod["priorityClassName"].as_str()),
        // Of cross-namespace affinity and of later scopes: the dry run decides.
        _ => false,
    }
}

fn has_priority_class(expression: Option<&Value>, class: Option<&str>) -> bool {
    let Some(expression) = expression else {
        return class.is_some();
    };
    let listed = || {
        let values = expression["values"].as_array().into_iter().flatten();
        values
            .filter_map(Value::as_str)
            .any(|value| Some(value) == class)
    };
    match expression["operator"].as_str() {
        Some("In") => listed(),
        Some("NotIn") => !listed(),
        Some("Exists") => class.is_some(),
        Some("DoesNotExist") => class.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn demand(replicas: u32) -> PodDemand {
        let pod = json!({ "spec": {
            "priorityClassName": "system-cluster-critical",
            "initContainers": [{ "resources": { "requests": { "cpu": "150m" } } }],
            "containers": [
                { "resources": { "requests": { "cpu": "100m", "memory": "2Gi" }, "limits": { "memory": "2Gi" } } },
                { "resources": { "requests": { "cpu": "100m" } } },
            ],
        } });
        PodDemand { pod, replicas }
    }

    fn quota(hard: &Value, used: &Value, scopes: &Value) -> Value {
        let quota = json!({
            "metadata": { "name": "team" },
            "spec": { "hard": hard, "scopeSelector": { "matchExpressions": scopes } },
            "status": { "used": used },
        });
        json!({ "items": [quota] })
    }

    #[test]
    fn quota_must_hold_the_pods_of_all_replicas() {
        let quotas = |hard: &str| quota(&json!({ "requests.cpu": hard }), &json!({}), &json!([]));
        assert_eq!(
            exceeded(&quotas("400m"), &[demand(2)]),
            Vec::<String>::new()
        );
        assert_eq!(
            exceeded(&quotas("399m"), &[demand(2)]),
            ["quota team has 399m of 399m requests.cpu left, and the agent's pods need 400m"]
        );
    }

    #[test]
    fn what_others_use_is_not_left() {
        let hard = json!({ "pods": "3", "limits.memory": "4Gi" });
        let used = json!({ "pods": "2", "limits.memory": "1Gi" });
        assert_eq!(
            exceeded(&quota(&hard, &used, &json!([])), &[demand(2)]),
            [
                "quota team has 1 of 3 pods left, and the agent's pods need 2",
                "quota team has 3072Mi of 4096Mi limits.memory left, and the agent's pods need 4096Mi",
            ]
        );
    }

    #[test]
    fn quota_of_another_priority_class_does_not_count() {
        let hard = json!({ "pods": "0" });
        let class = |operator: &str, value: &str| {
            let scope =
                json!([{ "scopeName": "PriorityClass", "operator": operator, "values": [value] }]);
            exceeded(&quota(&hard, &json!({}), &scope), &[demand(1)]).len()
        };
        assert_eq!(class("In", "system-cluster-critical"), 1);
        assert_eq!(class("In", "batch"), 0);
        assert_eq!(class("NotIn", "batch"), 1);
    }
}
