//! The cluster's id at CAST AI: as the agent was told, else as it noted when it had registered.

use crate::config::Agent;
use crate::kube::object_reader::{Found, Wanted};
use crate::kube::{Door, object_reader};

/// The id.
///
/// # Errors
/// Why it is not known.
pub async fn find(told: Option<&str>, agent: &Agent, door: &Door) -> Result<String, String> {
    if let Some(id) = told {
        return Ok(id.to_owned());
    }
    let map = &agent.metadata;
    let wanted = Wanted {
        right: format!(
            "get configmaps/{} in the namespace {}",
            map.name, map.namespace
        ),
        path: format!(
            "/api/v1/namespaces/{}/configmaps/{}",
            map.namespace, map.name
        ),
    };
    let otherwise = "STATIC_CLUSTER_ID is not set";
    let found = object_reader::read(door, &wanted)
        .await
        .map_err(|why| format!("{otherwise}, and {why}"))?;
    let Found::Object(answer) = found else {
        return Err(format!(
            "{otherwise}, and there is no ConfigMap {}, which the agent writes when it has registered",
            map.shown()
        ));
    };
    let json = answer.json().unwrap_or_default();
    let id = json["data"]["CLUSTER_ID"]
        .as_str()
        .map(str::trim)
        .filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| {
        format!(
            "{otherwise}, and the ConfigMap {} holds no CLUSTER_ID, which the agent writes when it has registered",
            map.shown()
        )
    })
}
