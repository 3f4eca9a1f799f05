//! The permission and the flag for Kubernetes Events.

use serde_json::{Value, json};

use super::rendered::Rendered;
use crate::support::helm::Helm;

/// Returns the names of the roles that may write Events.
fn writers(rendered: &Rendered) -> Vec<&str> {
    let writes = |role: &&&Value| {
        let mut rules = role["rules"].as_array().unwrap().iter();
        rules.any(|rule| {
            rule["verbs"] == json!(["create", "patch"]) && rule["resources"] == json!(["events"])
        })
    };
    let roles = [rendered.of_kind("Role"), rendered.of_kind("ClusterRole")].concat();
    let mut names: Vec<&str> = roles
        .iter()
        .filter(writes)
        .map(|role| role["metadata"]["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn events_and_their_permission_are_opt_in() {
    let flag = "--events.enabled".to_owned();
    let helm = Helm::latest();
    let off = Rendered::with(&helm, &["sidecar.enabled=true"]).await;
    assert_eq!(writers(&off), Vec::<&str>::new());
    assert!(!off.arguments().contains(&flag));
    let on = Rendered::with(&helm, &["sidecar.enabled=true", "events.enabled=true"]).await;
    let name = "exporter-castai-health-exporter";
    assert_eq!(writers(&on), [name, &format!("{name}-sidecar")]);
    assert!(on.arguments().contains(&flag));
    let policy = on.one("MutatingAdmissionPolicy").to_string();
    assert!(policy.contains(&flag), "{policy}");
}
