//! The control plane of an AKS cluster, and the identity that pulls images on its nodes.

use serde_json::Value;

use crate::cloud::api::Api;
use crate::cloud::{AuthorizedNetworks, CloudApiError, ControlPlane, api};
use crate::config::Secret;
use crate::config::exporter::control_plane_access::AksCluster;
use crate::report::ImagePullIdentity;

/// Version of the container service API.
const API_VERSION: &str = "2024-09-01";

impl AksCluster {
    /// Returns the Azure resource ID.
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

    /// Returns the options that select the cluster in `az aks` commands.
    pub fn options(&self) -> String {
        let Self {
            subscription,
            group,
            name,
        } = self;
        format!("--subscription {subscription} --resource-group {group} --name {name}")
    }

    /// Reads the control plane's network access and the identity that pulls images.
    ///
    /// # Errors
    /// If Azure does not return the cluster.
    pub async fn describe(
        &self,
        api: &Api<'_>,
        token: &Secret,
    ) -> Result<(ControlPlane, Option<ImagePullIdentity>), CloudApiError> {
        let id = self.id();
        let response = api
            .get(&format!("{id}?api-version={API_VERSION}"), token)
            .await?;
        let hint = match response.status.as_u16() {
            200 => {
                let json = response.json().unwrap_or_default();
                return parse(&json)
                    .map(|plane| (plane, pull_identity(&json["properties"])))
                    .ok_or_else(|| {
                        api.error(
                            "returned no cluster, or a response above the size limit".to_owned(),
                        )
                    });
            }
            403 => format!(
                ": allow this pod's identity to read the cluster: `az role assignment create --role Reader --assignee \
                 IDENTITY --scope {id}`"
            ),
            404 => format!(
                ": {id} does not exist; set control_plane.azure_cluster to the cluster's resource ID"
            ),
            _ => String::new(),
        };
        Err(api.error(format!("{}{hint}", api::describe_error(&response))))
    }
}

fn parse(cluster: &Value) -> Option<ControlPlane> {
    let properties = cluster["properties"].as_object()?;
    let state = properties.get("provisioningState")?.as_str()?;
    let access = properties
        .get("apiServerAccessProfile")
        .unwrap_or(&Value::Null);
    let ranges = access["authorizedIPRanges"]
        .as_array()
        .filter(|ranges| !ranges.is_empty());
    let authorized_networks = ranges.map(|ranges| {
        AuthorizedNetworks::parse(
            ranges
                .iter()
                .map(|range| range.as_str().unwrap_or_default()),
        )
    });
    Some(ControlPlane {
        public: access["enablePrivateCluster"].as_bool() != Some(true),
        authorized_networks,
        allows_google_cloud: false,
        pending_update: Some(state)
            .filter(|state| *state == "Updating")
            .map(str::to_owned),
        note: None,
    })
}

/// Returns the service principal, or the kubelet's identity if the cluster uses a managed identity.
fn pull_identity(properties: &Value) -> Option<ImagePullIdentity> {
    let client = |profile: &Value| {
        profile["clientId"]
            .as_str()
            .filter(|id| is_client_id(id))
            .map(str::to_owned)
    };
    let principal =
        client(&properties["servicePrincipalProfile"]).map(ImagePullIdentity::ServicePrincipal);
    principal.or_else(|| {
        client(&properties["identityProfile"]["kubeletidentity"])
            .map(ImagePullIdentity::ManagedIdentity)
    })
}

/// Returns whether a text has the form of a client ID, and is safe in a command.
fn is_client_id(text: &str) -> bool {
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
    fn missing_or_empty_authorized_ip_ranges_allow_all() {
        let plane = |access: Value| {
            let properties =
                json!({ "provisioningState": "Succeeded", "apiServerAccessProfile": access });
            parse(&json!({ "properties": properties })).expect("a cluster")
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
                .authorized_networks
                .is_some()
        );
        assert!(!plane(json!({ "enablePrivateCluster": true })).public);
        assert_eq!(parse(&json!({ "properties": [] })), None);
    }

    #[test]
    fn image_pull_identity_is_the_service_principal_or_the_kubelet_identity() {
        const PRINCIPAL: &str = "00000000-0000-0000-0000-00000000000a";
        const KUBELET: &str = "00000000-0000-0000-0000-00000000000b";
        let kubelet = json!({ "kubeletidentity": { "clientId": KUBELET, "objectId": "x" } });
        for (principal, identities, expected) in [
            (
                "msi",
                kubelet.clone(),
                Some(ImagePullIdentity::ManagedIdentity(KUBELET.to_owned())),
            ),
            (
                PRINCIPAL,
                json!(null),
                Some(ImagePullIdentity::ServicePrincipal(PRINCIPAL.to_owned())),
            ),
            (
                PRINCIPAL,
                kubelet,
                Some(ImagePullIdentity::ServicePrincipal(PRINCIPAL.to_owned())),
            ),
            ("msi", json!(null), None),
            ("$(reboot) and what else has 36 bytes", json!({}), None),
        ] {
            let properties = json!({ "servicePrincipalProfile": { "clientId": principal }, "identityProfile": identities });
            assert_eq!(pull_identity(&properties), expected, "{principal}");
        }
        assert_eq!(pull_identity(&json!({})), None);
    }
}
