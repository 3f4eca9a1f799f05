//! AKS cluster description.

use serde_json::{Value, json};

use super::{
    CloudApiFault, KUBELET_CLIENT_ID, SERVICE_PRINCIPAL_CLIENT_ID, WORKLOAD_CLIENT_ID,
    authorized_networks,
};
use crate::azure_imds::SUBSCRIPTION;

/// Returns the path of the only cluster.
pub(super) fn path() -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/lab-group/providers/Microsoft.ContainerService/managedClusters/lab"
    )
}

/// Returns the cluster.
pub(super) fn cluster(fault: Option<&CloudApiFault>) -> Value {
    let changing = fault == Some(&CloudApiFault::BlockedWhileChanging);
    let principal = fault == Some(&CloudApiFault::ServicePrincipal);
    let kubelet = json!({ "kubeletidentity": { "clientId": KUBELET_CLIENT_ID, "objectId": WORKLOAD_CLIENT_ID } });
    json!({
        "id": path(),
        "name": "lab",
        "location": "westeurope",
        "properties": {
            "provisioningState": if changing { "Updating" } else { "Succeeded" },
            "servicePrincipalProfile": { "clientId": if principal { SERVICE_PRINCIPAL_CLIENT_ID } else { "msi" } },
            "identityProfile": if principal { Value::Null } else { kubelet },
            "nodeResourceGroup": "MC_lab-group_lab_westeurope",
            "apiServerAccessProfile": {
                "authorizedIPRanges": authorized_networks(fault),
                "enablePrivateCluster": fault == Some(&CloudApiFault::Private),
            },
        },
    })
}
