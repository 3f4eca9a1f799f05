//! AKS' managed cluster, reduced to whom the control plane lets in and as whom its nodes pull images.

use serde_json::Value;

use crate::cloud::api::Api;
use crate::cloud::{ControlPlane, Networks, api};
use crate::config::Secret;
use crate::config::control_plane::AksCluster;
use crate::report::Puller;

/// Version of the API.
const VERSION: &str = "2024-09-01";

impl AksCluster {
    /// Its id at Azure.
    pub fn id(&self) -> String {
        let Self {
            subscription,
            group,
            name,
        } = self;
        format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ContainerService/managedClusters/{name}"
        )
    }

    /// How `az aks` is told of it.
    pub fn options(&self) -> String {
        let Self {
            subscription,
            group,
            name,
        } = self;
        format!("--subscription {subscription} --resource-group {group} --name {name}")
    }

    /// Whom the control plane lets in, and as whom the nodes pull images, where that is told.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn shown(
        &self,
        api: &Api<'_>,
        token: &Secret,
    ) -> Result<(ControlPlane, Option<Puller>), String> {
        let id = self.id();
        let answer = api
            .get(&format!("{id}?api-version={VERSION}"), token)
            .await?;
        let hint = match answer.status.as_u16() {
            200 => {
                let json = answer.json().unwrap_or_default();
                return read(&json).map(|plane| (plane, puller(&json["properties"]))).ok_or_else(|| {
                    format!("{} answered with what is no cluster, or with more than is read of an answer", api.name())
                });
            }
            403 => format!(
                ": let this pod's identity read the cluster: `az role assignment create --role Reader --assignee \
                            IDENTITY --scope {id}`"
            ),
            404 => format!(
                ": there is no {id}; set control_plane.azure_cluster to the cluster's own id"
            ),
            _ => String::new(),
        };
        Err(format!("{} {}{hint}", api.name(), api::refusal(&answer)))
    }
}

fn read(cluster: &Value) -> Option<ControlPlane> {
    let properties = cluster["properties"].as_object()?;
    let state = properties.get("provisioningState")?.as_str()?;
    let access = properties
        .get("apiServerAccessProfile")
        .unwrap_or(&Value::Null);
    let ranges = access["authorizedIPRanges"]
        .as_array()
        .filter(|ranges| !ranges.is_empty());
    let networks = ranges.map(|ranges| {
        Networks::read(
            ranges
                .iter()
                .map(|range| range.as_str().unwrap_or_default()),
        )
    });
    Some(ControlPlane {
        public: access["enablePrivateCluster"].as_bool() != Some(true),
        networks,
        google: false,
        changing: Some(state)
            .filter(|state| *state == "Updating")
            .map(str::to_owned),
        note: None,
    })
}

/// A service principal, unless it stands for a managed identity; then the kubelet's own.
fn puller(properties: &Value) -> Option<Puller> {
    let client = |profile: &Value| {
        profile["clientId"]
            .as_str()
            .filter(|id| is_id(id))
            .map(str::to_owned)
    };
    let principal = client(&properties["servicePrincipalProfile"]).map(Puller::ServicePrincipal);
    principal.or_else(|| {
        client(&properties["identityProfile"]["kubeletidentity"]).map(Puller::ManagedIdentity)
    })
}

/// Whether it has the form of Azure's ids, so that it may stand in a command.
fn is_id(text: &str) -> bool {
    text.len() == 36
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_list_and_an_empty_one_let_everybody_in() {
        let plane = |access: Value| {
            let properties =
                json!({ "provisioningState": "Succeeded", "apiServerAccessProfile": access });
            read(&json!({ "properties": properties })).expect("a cluster")
        };
        for open in [
            json!(null),
            json!({}),
            json!({ "authorizedIPRanges": null }),
            json!({ "authorizedIPRanges": [] }),
        ] {
            assert_eq!(
                plane(open),
                ControlPlane {
                    public: true,
                    ..ControlPlane::default()
                }
            );
        }
        assert!(
            plane(json!({ "authorizedIPRanges": ["203.0.113.0/24"] }))
                .networks
                .is_some()
        );
        assert!(!plane(json!({ "enablePrivateCluster": true })).public);
        assert_eq!(read(&json!({ "properties": [] })), None);
    }

    #[test]
    fn nodes_pull_as_a_service_principal_or_as_the_kubelets_identity() {
        const PRINCIPAL: &str = "00000000-0000-0000-0000-00000000000a";
        const KUBELET: &str = "00000000-0000-0000-0000-00000000000b";
        let kubelet = json!({ "kubeletidentity": { "clientId": KUBELET, "objectId": "x" } });
        for (principal, identities, expected) in [
            (
                "msi",
                kubelet.clone(),
                Some(Puller::ManagedIdentity(KUBELET.to_owned())),
            ),
            (
                PRINCIPAL,
                json!(null),
                Some(Puller::ServicePrincipal(PRINCIPAL.to_owned())),
            ),
            (
                PRINCIPAL,
                kubelet,
                Some(Puller::ServicePrincipal(PRINCIPAL.to_owned())),
            ),
            ("msi", json!(null), None),
            ("$(reboot) and what else has 36 bytes", json!({}), None),
        ] {
            let properties = json!({ "servicePrincipalProfile": { "clientId": principal }, "identityProfile": identities });
            assert_eq!(puller(&properties), expected, "{principal}");
        }
        assert_eq!(puller(&json!({})), None);
    }
}
