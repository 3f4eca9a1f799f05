//! The control plane of an EKS cluster.

use serde_json::Value;

use crate::cloud::{AuthorizedNetworks, ControlPlane};

/// An EKS cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EksCluster {
    /// Region.
    pub region: String,
    /// Name.
    pub name: String,
}

/// Parses the response of `DescribeCluster`.
pub fn control_plane(response: &Value) -> Option<ControlPlane> {
    let cluster = &response["cluster"];
    let status = cluster["status"].as_str()?;
    let config = &cluster["resourcesVpcConfig"];
    let public = config["endpointPublicAccess"].as_bool()?;
    // Without a list EKS allows all addresses.
    let cidrs = config["publicAccessCidrs"]
        .as_array()
        .filter(|cidrs| !cidrs.is_empty());
    let authorized_networks = cidrs.map(|cidrs| {
        AuthorizedNetworks::parse(cidrs.iter().map(|cidr| cidr.as_str().unwrap_or_default()))
    });
    Some(ControlPlane {
        public,
        authorized_networks,
        allows_google_cloud: false,
        pending_update: Some(status)
            .filter(|status| matches!(*status, "CREATING" | "UPDATING"))
            .map(str::to_owned),
        note: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::control_plane::AddressAccess;
    use crate::config::exporter::control_plane_access::DOCUMENTED;

    #[test]
    fn describe_cluster_response_contains_public_access_cidrs() {
        let plane = |config: Value| {
            control_plane(
                &json!({ "cluster": { "status": "ACTIVE", "resourcesVpcConfig": config } }),
            )
        };
        for open in [
            json!({ "endpointPublicAccess": true, "publicAccessCidrs": ["0.0.0.0/0"] }),
            json!({ "endpointPublicAccess": true, "endpointPrivateAccess": true, "publicAccessCidrs": ["10.0.0.0/8", "0.0.0.0/0"] }),
            json!({ "endpointPublicAccess": true, "publicAccessCidrs": [] }),
            json!({ "endpointPublicAccess": true }),
        ] {
            assert_eq!(
                plane(open).expect("a cluster").access_from(DOCUMENTED),
                AddressAccess::Open
            );
        }
        let v6_only = json!({ "endpointPublicAccess": true, "publicAccessCidrs": ["::/0"] });
        assert_eq!(
            plane(v6_only).expect("a cluster").access_from(DOCUMENTED),
            AddressAccess::Blocked
        );
        // EKS returns the list even if the public endpoint is disabled.
        let private = json!({ "endpointPublicAccess": false, "publicAccessCidrs": ["0.0.0.0/0"] });
        assert_eq!(
            plane(private).expect("a cluster").access_from(DOCUMENTED),
            AddressAccess::PrivateOnly
        );
        for none in [
            json!(null),
            json!({}),
            json!({ "publicAccessCidrs": ["10.0.0.0/8"] }),
        ] {
            assert_eq!(plane(none), None);
        }
        assert_eq!(control_plane(&json!({ "message": "no" })), None);
    }
}
