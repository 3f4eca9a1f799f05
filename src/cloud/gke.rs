//! The control plane of a GKE cluster, from `clusters.get`.

use serde_json::Value;

use crate::cloud::api::Api;
use crate::cloud::{AuthorizedNetworks, CloudApiError, ControlPlane, api};
use crate::config::Secret;
use crate::config::exporter::control_plane_access::is_plain;

/// The requested fields; a whole cluster exceeds the limit for responses.
const FIELDS: &str = "status,masterAuthorizedNetworksConfig,privateClusterConfig/enablePrivateEndpoint,\
                      controlPlaneEndpointsConfig";

/// A GKE cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GkeCluster {
    /// Project ID.
    pub project: String,
    /// Region or zone.
    pub location: String,
    /// Name.
    pub name: String,
}

impl GkeCluster {
    /// Returns whether all parts are safe in a URL path and in a command.
    pub fn is_plain(&self) -> bool {
        // The ID of a domain-scoped project contains a colon.
        [&self.location, &self.name]
            .into_iter()
            .all(|part| is_plain(part))
            && is_plain(&self.project.replacen(':', ".", 1))
    }

    /// Reads the control plane's network access.
    ///
    /// # Errors
    /// If Google does not return the cluster.
    pub async fn control_plane(
        &self,
        api: &Api<'_>,
        token: &Secret,
    ) -> Result<ControlPlane, CloudApiError> {
        let Self {
            project,
            location,
            name,
        } = self;
        let path =
            format!("/v1/projects/{project}/locations/{location}/clusters/{name}?fields={FIELDS}");
        let response = api.get(&path, token).await?;
        let hint = match response.status.as_u16() {
            200 => {
                return response.json().as_ref().and_then(parse).ok_or_else(|| {
                    api.error("returned no cluster, or a response above the size limit".to_owned())
                });
            }
            403 => format!(
                ": grant this pod's service account the permission container.clusters.get, for example with `gcloud projects \
                 add-iam-policy-binding {project} --role roles/container.clusterViewer --member \
                 serviceAccount:ACCOUNT`; a node's service account also needs the scope cloud-platform"
            ),
            404 => format!(
                ": cluster {name} does not exist in {location}; correct GKE_LOCATION or GKE_CLUSTER_NAME"
            ),
            _ => String::new(),
        };
        Err(api.error(format!("{}{hint}", api::describe_error(&response))))
    }
}

fn parse(cluster: &Value) -> Option<ControlPlane> {
    let status = cluster["status"].as_str()?;
    let endpoints = &cluster["controlPlaneEndpointsConfig"];
    let ip = &endpoints["ipEndpointsConfig"];
    let off = |value: &Value| value.as_bool() == Some(false);
    let private = cluster["privateClusterConfig"]["enablePrivateEndpoint"].as_bool() == Some(true)
        || off(&ip["enabled"])
        || off(&ip["enablePublicEndpoint"]);
    let authorized = match &cluster["masterAuthorizedNetworksConfig"] {
        Value::Object(authorized) => Value::Object(authorized.clone()),
        _ => ip["authorizedNetworksConfig"].clone(),
    };
    let blocks = authorized["cidrBlocks"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let networks = AuthorizedNetworks::parse(
        blocks
            .iter()
            .map(|block| block["cidrBlock"].as_str().unwrap_or_default()),
    );
    let enabled = authorized["enabled"].as_bool() == Some(true);
    let by_name = endpoints["dnsEndpointConfig"]["allowExternalTraffic"].as_bool() == Some(true);
    Some(ControlPlane {
        public: !private,
        authorized_networks: enabled.then_some(networks),
        allows_google_cloud: authorized["gcpPublicCidrsAccessEnabled"].as_bool() == Some(true),
        pending_update: Some(status)
            .filter(|status| *status == "RECONCILING")
            .map(str::to_owned),
        note: by_name
            .then(|| "its DNS endpoint allows authorized principals from any address".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_forms_of_authorized_networks_are_parsed() {
        let plane = |mut cluster: Value| {
            cluster["status"] = json!("RUNNING");
            parse(&cluster).expect("a cluster")
        };
        for open in [
            json!({}),
            json!({ "masterAuthorizedNetworksConfig": {} }),
            json!({ "masterAuthorizedNetworksConfig": { "gcpPublicCidrsAccessEnabled": true } }),
            json!({ "masterAuthorizedNetworksConfig": { "enabled": false, "cidrBlocks": [{ "cidrBlock": "10.0.0.0/8" }] } }),
            json!({ "controlPlaneEndpointsConfig": { "ipEndpointsConfig": { "enabled": true, "enablePublicEndpoint": true } } }),
        ] {
            let plane = plane(open);
            assert!(
                plane.public && plane.authorized_networks.is_none(),
                "{plane:?}"
            );
        }
        for private in [
            json!({ "privateClusterConfig": { "enablePrivateEndpoint": true } }),
            json!({ "controlPlaneEndpointsConfig": { "ipEndpointsConfig": { "enablePublicEndpoint": false } } }),
            json!({ "controlPlaneEndpointsConfig": { "ipEndpointsConfig": { "enabled": false } } }),
        ] {
            assert!(!plane(private).public);
        }
        let listed = json!({ "enabled": true, "cidrBlocks": [{ "cidrBlock": "10.0.0.0/8" }, { "displayName": "x" }] });
        let old = plane(json!({ "masterAuthorizedNetworksConfig": listed }));
        let new = json!({ "ipEndpointsConfig": { "authorizedNetworksConfig": listed } });
        let new = plane(json!({ "controlPlaneEndpointsConfig": new }));
        assert_eq!(old, new);
        let networks = old.authorized_networks.expect("a list");
        assert_eq!(
            (networks.invalid_entries(), networks.merged_with(&[])),
            (1, None),
            "a block without a CIDR counts as invalid"
        );
        assert_eq!(parse(&json!({ "error": {} })), None);
    }
}
