//! GKE cluster description.

use serde_json::{Value, json};

use super::{CloudApiFault, authorized_networks};

/// Path of the only cluster.
pub(super) const PATH: &str = "/v1/projects/lab-project/locations/europe-west3/clusters/lab";

/// Returns the cluster.
pub(super) fn cluster(fault: Option<&CloudApiFault>) -> Value {
    let private = fault == Some(&CloudApiFault::Private);
    let mut cluster = json!({
        "status": if fault == Some(&CloudApiFault::BlockedWhileChanging) { "RECONCILING" } else { "RUNNING" },
        "masterAuthorizedNetworksConfig": {},
        "controlPlaneEndpointsConfig": {
            "dnsEndpointConfig": { "endpoint": "gke-lab.europe-west3.gke.goog" },
            "ipEndpointsConfig": { "enabled": true, "enablePublicEndpoint": !private },
        },
    });
    if private {
        cluster["privateClusterConfig"] = json!({ "enablePrivateEndpoint": true });
    }
    if let Some(networks) = authorized_networks(fault) {
        let blocks: Vec<_> = networks
            .iter()
            .map(|network| json!({ "displayName": "lab", "cidrBlock": network }))
            .collect();
        let google = fault == Some(&CloudApiFault::GoogleOnly);
        cluster["masterAuthorizedNetworksConfig"] =
            json!({ "enabled": true, "cidrBlocks": blocks, "gcpPublicCidrsAccessEnabled": google });
    }
    cluster
}
