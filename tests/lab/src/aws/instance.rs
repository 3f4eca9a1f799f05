//! EC2 instances.

use std::fmt::Write as _;

use super::xml::escaped;
use super::{ACCOUNT, REGION};

/// An EC2 instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Instance ID.
    pub id: String,
    /// Region of the instance.
    pub region: String,
    /// Whether it is a spot instance.
    pub spot: bool,
    /// Tags of the instance.
    pub tags: Vec<(String, String)>,
}

// === impl Instance ===

impl Default for Instance {
    /// The node described by the instance metadata service, in the cluster `lab`.
    fn default() -> Self {
        Self {
            id: "i-0123456789abcdef0".to_owned(),
            region: REGION.to_owned(),
            spot: false,
            tags: vec![
                ("Name".to_owned(), "lab-node".to_owned()),
                ("kubernetes.io/cluster/lab".to_owned(), "owned".to_owned()),
            ],
        }
    }
}

impl Instance {
    /// Returns its reservation as `DescribeInstances` shows it.
    pub(super) fn reservation(&self, with_tags: bool) -> String {
        let Self { id, region, .. } = self;
        let mut item = format!(
            "        <item>\n            <reservationId>r-{}</reservationId>\n            <ownerId>{ACCOUNT}</ownerId>\n            \
             <groupSet/>\n            <instancesSet>\n                <item>\n                    \
             <instanceId>{id}</instanceId>\n                    <imageId>ami-0abcdef1234567890</imageId>\n                    \
             <instanceState>\n                        <code>16</code>\n                        <name>running</name>\n                    \
             </instanceState>\n                    <privateDnsName>ip-10-0-1-23.{region}.compute.internal</privateDnsName>\n                    \
             <dnsName/>\n                    <reason/>\n                    <amiLaunchIndex>0</amiLaunchIndex>\n                    \
             <productCodes/>\n                    <instanceType>m5.large</instanceType>\n                    \
             <launchTime>2025-07-01T09:00:00.000Z</launchTime>\n                    <placement>\n                        \
             <availabilityZone>{region}a</availabilityZone>\n                        <groupName/>\n                        \
             <tenancy>default</tenancy>\n                    </placement>\n                    \
             <monitoring>\n                        <state>disabled</state>\n                    </monitoring>\n                    \
             <subnetId>subnet-0123456789abcdef0</subnetId>\n                    <vpcId>vpc-0123456789abcdef0</vpcId>\n                    \
             <privateIpAddress>10.0.1.23</privateIpAddress>\n                    <architecture>x86_64</architecture>\n",
            &id[2..]
        );
        if self.spot {
            item.push_str("                    <instanceLifecycle>spot</instanceLifecycle>\n");
        }
        if with_tags && !self.tags.is_empty() {
            item.push_str("                    <tagSet>\n");
            for (key, value) in &self.tags {
                let (key, value) = (escaped(key), escaped(value));
                let tag = "                        <item>\n                            ";
                write!(
                    item,
                    "{tag}<key>{key}</key>\n                            <value>{value}</value>\n                        </item>\n"
                )
                .expect("writing to a String never fails");
            }
            item.push_str("                    </tagSet>\n");
        }
        item.push_str("                </item>\n            </instancesSet>\n        </item>\n");
        item
    }
}
