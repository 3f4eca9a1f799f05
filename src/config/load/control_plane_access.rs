//! Settings of the control-plane firewall check.

use std::net::IpAddr;

use url::Url;

use crate::config::agent::env;
use crate::config::exporter::control_plane_access;
use crate::config::exporter::control_plane_access::{
    AksCluster, ControlPlaneAccessSettings, DOCUMENTED, MAX_ADDRESSES,
};
use crate::config::load::sources::Sources;
use crate::config::sourced_value::InvalidValue;
use crate::config::values;

impl Sources<'_> {
    pub(super) fn control_plane(&mut self) -> ControlPlaneAccessSettings {
        let addresses = self.keys("control_plane.castai_addresses", MAX_ADDRESSES, |text| {
            let wrong = || {
                InvalidValue::new(
                    format!("{} is not an address", values::shown(text)),
                    "write an IP address",
                )
            };
            text.parse::<IpAddr>().map_err(|_| wrong())
        });
        let mut api = |key: &str, usual: &str| {
            let usual = || Url::parse(usual).expect("it is one");
            self.key(key, control_plane_access::api)
                .unwrap_or_else(usual)
        };
        let google_api = api(
            "control_plane.google_api",
            "https://container.googleapis.com",
        );
        let azure_api = api("control_plane.azure_api", "https://management.azure.com");
        let login = self.own.login.clone();
        let usual = || Url::parse("https://login.microsoftonline.com").expect("it is one");
        let azure_login = self
            .key("control_plane.azure_login", control_plane_access::api)
            .or(login)
            .unwrap_or_else(usual);
        ControlPlaneAccessSettings {
            addresses: addresses
                .filter(|list| !list.is_empty())
                .unwrap_or_else(|| vec![DOCUMENTED]),
            roots: self.content("control_plane.ca_file", env::pem),
            google_api,
            azure_api,
            azure_login,
            azure_cluster: self.key("control_plane.azure_cluster", AksCluster::read),
            azure_client: self.own.client.clone(),
            azure_federation: self.own.federation.clone(),
        }
    }
}
