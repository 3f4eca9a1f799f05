//! Where the metadata servers of Google and Azure are asked.

use crate::config::node_local::Endpoint;

/// The address of Google's metadata server and of Azure's.
const USUAL: &str = "169.254.169.254";

/// Where the metadata servers of Google and Azure are asked, or why they are not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Clouds {
    /// Google's: where `GCE_METADATA_HOST` says, as Go's library takes it.
    pub gce: Result<Endpoint, String>,
    /// Azure's: the agent knows one address only.
    pub azure: Endpoint,
}

impl Clouds {
    /// Reads it from variables.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let host = variable("GCE_METADATA_HOST").filter(|host| !host.is_empty());
        let gce = Endpoint::of_google(host.as_deref().unwrap_or(USUAL));
        Self {
            gce: gce.map_err(|why| {
                format!("GCE_METADATA_HOST {why}, and the exporter does not ask there")
            }),
            azure: Endpoint {
                host: USUAL.to_owned(),
                port: 80,
                prefix: String::new(),
            },
        }
    }
}
