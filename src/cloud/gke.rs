//! GKE's `clusters.get`, reduced to whom the control plane lets in.

use serde_json::Value;

use crate::cloud::api::Api;
use crate::cloud::{ControlPlane, Networks, api};
use crate::config::Secret;
use crate::config::control_plane::is_plain;

/// What is read of a cluster; the whole of one is larger than what is read of an answer.
const FIELDS: &str = "status,masterAuthorizedNetworksConfig,privateClusterConfig/enablePrivateEndpoint,\
                      controlPlaneEndpointsConfig";

/// A cluster as Google names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GkeCluster {
    /// The project.
    pub project: String,
    /// Its region or zone.
    pub location: String,
    /// Its name.
    pub name: String,
}

impl GkeCluster {
    /// Whether all of it can stand in a path and in a command.
    pub fn is_plain(&self) -> bool {
        // A project of an organisation's domain has a colon.
        [&self.location, &self.name]
            .into_iter()
            .all(|part| is_plain(part))
            && is_plain(&self.project.replacen(':', ".", 1))
    }

    /// Whom the control plane lets in.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn control_plane(
        &self,
        api: &Api<'_>,
        token: &Secret,
    ) -> Result<ControlPlane, String> {
        let Self {
            project,
            location,
            name,
        } = self;
        let path =
            format!("/v1/projects/{project}/locations/{location}/clusters/{name}?fields={FIELDS}");
        let answer = api.get(&path, token).await?;
        let hint = match answer.status.as_u16() {
            200 => {
                return answer
                    .json()
                    .as_ref()
                    .and_then(read)
                    .ok_or_else(|| unread(&api.name()));
            }
            403 => format!(
                ": give this pod's account the permission container.clusters.get, for example by `gcloud projects \
                 add-iam-policy-binding {project} --role roles/container.clusterViewer --member \
                 serviceAccount:ACCOUNT`; a node's own account also needs the scope cloud-platform"
            ),
            404 => format!(
                ": there is no cluster {name} in {location}; compare GKE_LOCATION and GKE_CLUSTER_NAME"
            ),
            _ => String::new(),
        };
        Err(format!("{} {}{hint}", api.name(), api::refusal(&answer)))
    }
}

fn unread(name: &str) -> String {
    format!("{name} answered with what is no cluster, or with more than is read of an answer")
}

fn read(cluster: &Value) -> Option<ControlPlane> {
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
    let networks = Networks::read(
        blocks
            .iter()
            .map(|block| block["cidrBlock"].as_str().unwrap_or_default()),
    );
    let enabled = authorized["enabled"].as_bool() == Some(true);
    let by_name = endpoints["dnsEndpointConfig"]["allowExternalTraffic"].as_bool() == Some(true);
    Some(ControlPlane {
        public: !private,
        networks: enabled.then_some(networks),
        google: authorized["gcpPublicCidrsAccessEnabled"].as_bool() == Some(true),
        changing: Some(status)
            .filter(|status| *status == "RECONCILING")
            .map(str::to_owned),
        note: by_name.then(|| {
            "its DNS endpoint lets in whoever has the permission, from everywhere".to_owned()
        }),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_say_who_may_come_is_understood() {
        let plane = |mut cluster: Value| {
            cluster["status"] = json!("RUNNING");
            read(&cluster).expect("a cluster")
        };
        for open in [
            json!({}),
            json!({ "masterAuthorizedNetworksConfig": {} }),
            json!({ "masterAuthorizedNetworksConfig": { "gcpPublicCidrsAccessEnabled": true } }),
            json!({ "masterAuthorizedNetworksConfig": { "enabled": false, "cidrBlocks": [{ "cidrBlock": "10.0.0.0/8" }] } }),
            json!({ "controlPlaneEndpointsConfig": { "ipEndpointsConfig": { "enabled": true, "enablePublicEndpoint": true } } }),
        ] {
            let plane = plane(open);
            assert!(plane.public && plane.networks.is_none(), "{plane:?}");
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
        let networks = old.networks.expect("a list");
        assert_eq!(
            (networks.unread(), networks.merged(&[])),
            (1, None),
            "a block without a network is not overlooked"
        );
        assert_eq!(read(&json!({ "error": {} })), None);
    }
}
