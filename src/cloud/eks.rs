//! EKS's cluster, reduced to whom the control plane lets in.

use serde_json::Value;

use crate::cloud::{ControlPlane, Networks};

/// A cluster as AWS names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EksCluster {
    /// Its region.
    pub region: String,
    /// Its name.
    pub name: String,
}

/// Reads the answer to `DescribeCluster`.
pub fn control_plane(answer: &Value) -> Option<ControlPlane> {
    let cluster = &answer["cluster"];
    let status = cluster["status"].as_str()?;
    let config = &cluster["resourcesVpcConfig"];
    let public = config["endpointPublicAccess"].as_bool()?;
    // Without a list EKS lets everybody in.
    let cidrs = config["publicAccessCidrs"]
        .as_array()
        .filter(|cidrs| !cidrs.is_empty());
    let networks = cidrs
        .map(|cidrs| Networks::read(cidrs.iter().map(|cidr| cidr.as_str().unwrap_or_default())));
    Some(ControlPlane {
        public,
        networks,
        google: false,
        changing: Some(status)
            .filter(|status| matches!(*status, "CREATING" | "UPDATING"))
            .map(str::to_owned),
        note: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::control_plane::Entry;
    use crate::config::control_plane::DOCUMENTED;

    #[test]
    fn who_may_come_is_understood_and_what_is_no_cluster_is_not() {
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
                plane(open).expect("a cluster").entry(DOCUMENTED),
                Entry::Open
            );
        }
        let v6_only = json!({ "endpointPublicAccess": true, "publicAccessCidrs": ["::/0"] });
        assert_eq!(
            plane(v6_only).expect("a cluster").entry(DOCUMENTED),
            Entry::Blocked
        );
        // The list is told even while nobody uses it.
        let private = json!({ "endpointPublicAccess": false, "publicAccessCidrs": ["0.0.0.0/0"] });
        assert_eq!(
            plane(private).expect("a cluster").entry(DOCUMENTED),
            Entry::PrivateOnly
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
