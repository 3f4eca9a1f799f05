//! Addresses of the metadata servers of Google Cloud and Azure.

use crate::config::agent::link_local::LinkLocalEndpoint;
use crate::config::agent::setting_error::SettingError;

/// Link-local address of both metadata servers.
const USUAL: &str = "169.254.169.254";

/// Addresses of the metadata servers of Google Cloud and Azure, or why they are not queried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CloudMetadata {
    /// Google's, from `GCE_METADATA_HOST` as Go's library reads it.
    pub gce: Result<LinkLocalEndpoint, SettingError>,
    /// Azure's; the agent supports only one address.
    pub azure: LinkLocalEndpoint,
}

impl CloudMetadata {
    /// Reads the addresses from variables.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let host = variable("GCE_METADATA_HOST").filter(|host| !host.is_empty());
        let gce = LinkLocalEndpoint::of_google(host.as_deref().unwrap_or(USUAL));
        Self {
            gce: gce.map_err(|why| {
                format!("GCE_METADATA_HOST {why}; the exporter does not query it").into()
            }),
            azure: LinkLocalEndpoint {
                host: USUAL.to_owned(),
                port: 80,
                prefix: String::new(),
            },
        }
    }
}
