//! Network access to a control plane.

use std::net::IpAddr;

use crate::cloud::authorized_networks::{AuthorizedNetworks, CidrBlock};
use crate::config::exporter::control_plane_access::DOCUMENTED;

/// The network access settings of a control plane.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ControlPlane {
    /// Whether it has a public endpoint.
    pub public: bool,
    /// Networks that may connect to the public endpoint; `None` allows all.
    pub authorized_networks: Option<AuthorizedNetworks>,
    /// Whether addresses of Google Cloud may connect as well.
    pub allows_google_cloud: bool,
    /// Status of an update that is in progress, as the provider names it.
    pub pending_update: Option<String>,
    /// A note for evidence.
    pub note: Option<String>,
}

/// Whether an address may connect to a control plane.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AddressAccess {
    /// All addresses may connect.
    Open,
    /// An authorized network contains it.
    Listed(CidrBlock),
    /// It belongs to Google Cloud, and all addresses of Google Cloud may connect.
    GoogleCloud,
    /// It may not connect.
    Blocked,
    /// The control plane has no public endpoint.
    PrivateOnly,
    /// The list does not determine it, with the reason.
    Undetermined(String),
}

impl ControlPlane {
    /// Returns whether an address may connect.
    pub fn access_from(&self, address: IpAddr) -> AddressAccess {
        if !self.public {
            return AddressAccess::PrivateOnly;
        }
        let Some(networks) = &self.authorized_networks else {
            return AddressAccess::Open;
        };
        if let Some(network) = networks.narrowest_containing(address) {
            return if network.contains_all() {
                AddressAccess::Open
            } else {
                AddressAccess::Listed(*network)
            };
        }
        let documented = address.to_canonical() == DOCUMENTED;
        if self.allows_google_cloud {
            let why = "addresses of Google Cloud are allowed, but the exporter cannot determine whether it is one";
            return if documented {
                AddressAccess::GoogleCloud
            } else {
                AddressAccess::Undetermined(why.to_owned())
            };
        }
        if networks.invalid_entries() > 0 {
            return AddressAccess::Undetermined(format!(
                "{} entries of the list could not be read",
                networks.invalid_entries()
            ));
        }
        // A service tag only contains addresses of Azure.
        if !networks.tags().is_empty() && !documented {
            return AddressAccess::Undetermined(format!(
                "the service tag {} may include it",
                networks.tags().join(" or ")
            ));
        }
        AddressAccess::Blocked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(networks: Option<&[&str]>) -> ControlPlane {
        let authorized_networks =
            networks.map(|list| AuthorizedNetworks::parse(list.iter().copied()));
        ControlPlane {
            public: true,
            authorized_networks,
            ..ControlPlane::default()
        }
    }

    #[test]
    fn address_is_allowed_by_an_open_list_by_a_cidr_block_or_as_google_cloud() {
        assert_eq!(plane(None).access_from(DOCUMENTED), AddressAccess::Open);
        assert_eq!(
            plane(Some(&["10.0.0.0/8", "0.0.0.0/0"])).access_from(DOCUMENTED),
            AddressAccess::Open
        );
        let listed = AddressAccess::Listed("35.221.40.0/24".parse().expect("a CIDR block"));
        assert_eq!(
            plane(Some(&["35.221.40.0/24"])).access_from(DOCUMENTED),
            listed
        );
        let google = ControlPlane {
            allows_google_cloud: true,
            ..plane(Some(&["203.0.113.0/24"]))
        };
        assert_eq!(google.access_from(DOCUMENTED), AddressAccess::GoogleCloud);
        assert!(matches!(
            google.access_from([192, 0, 2, 1].into()),
            AddressAccess::Undetermined(_)
        ));
    }

    #[test]
    fn address_is_blocked_only_by_a_list_without_unknown_entries() {
        assert_eq!(
            plane(Some(&[])).access_from(DOCUMENTED),
            AddressAccess::Blocked
        );
        assert_eq!(
            plane(Some(&["203.0.113.0/24"])).access_from(DOCUMENTED),
            AddressAccess::Blocked
        );
        assert!(matches!(
            plane(Some(&["203.0.113.0/24", "?"])).access_from(DOCUMENTED),
            AddressAccess::Undetermined(_)
        ));
        let tagged = plane(Some(&["203.0.113.0/24", "AzureCloud"]));
        assert_eq!(tagged.access_from(DOCUMENTED), AddressAccess::Blocked);
        assert!(matches!(
            tagged.access_from([192, 0, 2, 1].into()),
            AddressAccess::Undetermined(_)
        ));
        let private = ControlPlane {
            public: false,
            ..plane(None)
        };
        assert_eq!(private.access_from(DOCUMENTED), AddressAccess::PrivateOnly);
    }
}
