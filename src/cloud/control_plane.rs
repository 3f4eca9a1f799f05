//! Whom a control plane lets in, and whether one address is among them. Pure.

use std::net::IpAddr;

use crate::cloud::networks::{Network, Networks};
use crate::config::control_plane::DOCUMENTED;

/// What a cloud says of a cluster's control plane, as far as it matters who may reach it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ControlPlane {
    /// Whether it has an address on the internet.
    pub public: bool,
    /// The networks that may reach that address; `None` lets everybody in.
    pub networks: Option<Networks>,
    /// Whether addresses of Google Cloud may, beside those networks.
    pub google: bool,
    /// Whether something is being changed just now, in the cloud's own word.
    pub changing: Option<String>,
    /// What else people should know.
    pub note: Option<String>,
}

/// Whether an address may reach a control plane.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry {
    /// Everybody may.
    Open,
    /// This network of the list holds it.
    Listed(Network),
    /// It is one of Google Cloud's, which may.
    Google,
    /// It may not.
    Blocked,
    /// Nobody may from the internet.
    PrivateOnly,
    /// The list does not tell, and why.
    Untold(String),
}

impl ControlPlane {
    /// Whether this address may reach it.
    pub fn entry(&self, address: IpAddr) -> Entry {
        if !self.public {
            return Entry::PrivateOnly;
        }
        let Some(networks) = &self.networks else {
            return Entry::Open;
        };
        if let Some(network) = networks.holding(address) {
            return if network.is_everything() {
                Entry::Open
            } else {
                Entry::Listed(*network)
            };
        }
        let documented = address.to_canonical() == DOCUMENTED;
        if self.google {
            let why =
                "addresses of Google Cloud are let in, and whether it is one is not known here";
            return if documented {
                Entry::Google
            } else {
                Entry::Untold(why.to_owned())
            };
        }
        if networks.unread() > 0 {
            return Entry::Untold(format!(
                "{} entries of the list could not be read",
                networks.unread()
            ));
        }
        // Service tags stand for addresses of Azure's own.
        if !networks.tags().is_empty() && !documented {
            return Entry::Untold(format!(
                "the service tag {} may hold it",
                networks.tags().join(" or ")
            ));
        }
        Entry::Blocked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(networks: Option<&[&str]>) -> ControlPlane {
        let networks = networks.map(|list| Networks::read(list.iter().copied()));
        ControlPlane {
            public: true,
            networks,
            ..ControlPlane::default()
        }
    }

    #[test]
    fn an_address_is_let_in_by_everybody_by_a_network_or_as_googles() {
        assert_eq!(plane(None).entry(DOCUMENTED), Entry::Open);
        assert_eq!(
            plane(Some(&["10.0.0.0/8", "0.0.0.0/0"])).entry(DOCUMENTED),
            Entry::Open
        );
        let listed = Entry::Listed("35.221.40.0/24".parse().expect("a network"));
        assert_eq!(plane(Some(&["35.221.40.0/24"])).entry(DOCUMENTED), listed);
        let google = ControlPlane {
            google: true,
            ..plane(Some(&["203.0.113.0/24"]))
        };
        assert_eq!(google.entry(DOCUMENTED), Entry::Google);
        assert!(matches!(
            google.entry([192, 0, 2, 1].into()),
            Entry::Untold(_)
        ));
    }

    #[test]
    fn only_a_list_that_was_read_whole_blocks() {
        assert_eq!(plane(Some(&[])).entry(DOCUMENTED), Entry::Blocked);
        assert_eq!(
            plane(Some(&["203.0.113.0/24"])).entry(DOCUMENTED),
            Entry::Blocked
        );
        assert!(matches!(
            plane(Some(&["203.0.113.0/24", "?"])).entry(DOCUMENTED),
            Entry::Untold(_)
        ));
        let tagged = plane(Some(&["203.0.113.0/24", "AzureCloud"]));
        assert_eq!(tagged.entry(DOCUMENTED), Entry::Blocked);
        assert!(matches!(
            tagged.entry([192, 0, 2, 1].into()),
            Entry::Untold(_)
        ));
        let private = ControlPlane {
            public: false,
            ..plane(None)
        };
        assert_eq!(private.entry(DOCUMENTED), Entry::PrivateOnly);
    }
}
