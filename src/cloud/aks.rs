//! AKS' managed cluster, reduced to whom the control plane lets in.

use serde_json::Value;

use crate::cloud::ControlPlane;
use crate::cloud::Networks;
use crate::cloud::api;
use crate::cloud::api::Api;
use crate::config::Secret;
use crate::config::control_plane::AksCluster;

/// Version of the API.
const VERSION: &str = "2024-09-01";

impl AksCluster {
    /// Its id at Azure.
    pub fn id(&self) -> String {
        let Self { subscription, group, name } = self;
        format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ContainerService/managedClusters/{name}"
        )
    }

    /// Whom the control plane lets in.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn control_plane(&self, api: &Api<'_>, token: &Secret) -> Result<ControlPlane, String> {
        let id = self.id();
        let answer = api.get(&format!("{id}?api-version={VERSION}"), token).await?;
        let hint = match answer.status.as_u16() {
            200 => {
                return answer.json().as_ref().and_then(read).ok_or_else(|| {
                    format!("{} answered with what is no cluster, or with more than is read of an answer", api.name())
                });
            }
            403 => format!(
                ": let this pod's identity read the cluster: `az role assignment create --role Reader --assignee \
                            IDENTITY --scope {id}`"
            ),
            404 => format!(": there is no {id}; set control_plane.azure_cluster to the cluster's own id"),
            _ => String::new(),
        };
        Err(format!("{} {}{hint}", api.name(), api::refusal(&answer)))
    }
}

fn read(cluster: &Value) -> Option<ControlPlane> {
    let properties = cluster["properties"].as_object()?;
    let state = properties.get("provisioningState")?.as_str()?;
    let access = properties.get("apiServerAccessProfile").unwrap_or(&Value::Null);
    let ranges = access["authorizedIPRanges"].as_array().filter(|ranges| !ranges.is_empty());
    let networks = ranges.map(|ranges| Networks::read(ranges.iter().map(|range| range.as_str().unwrap_or_default())));
    Some(ControlPlane {
        public: access["enablePrivateCluster"].as_bool() != Some(true),
        networks,
        google: false,
        changing: Some(state).filter(|state| *state == "Updating").map(str::to_owned),
        note: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_list_and_an_empty_one_let_everybody_in() {
        let plane = |access: Value| {
            let properties = json!({ "provisioningState": "Succeeded", "apiServerAccessProfile": access });
            read(&json!({ "properties": properties })).expect("a cluster")
        };
        for open in [json!(null), json!({}), json!({ "authorizedIPRanges": null }), json!({ "authorizedIPRanges": [] })]
        {
            assert_eq!(plane(open), ControlPlane { public: true, ..ControlPlane::default() });
        }
        assert!(plane(json!({ "authorizedIPRanges": ["203.0.113.0/24"] })).networks.is_some());
        assert!(!plane(json!({ "enablePrivateCluster": true })).public);
        assert_eq!(read(&json!({ "properties": [] })), None);
    }
}
