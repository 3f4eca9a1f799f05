//! CAST AI's API and the agent's credentials for it.

use crate::config::config_error::ConfigError;
use crate::config::secret::Secret;

/// CAST AI's API and the agent's credentials for it.
#[derive(Clone, Debug)]
pub struct Castai {
    /// `API_URL` as the agent normalises it; `None` if nothing of the agent's environment is known.
    pub url: Option<Result<url::Url, ConfigError>>,
    /// `API_KEY`.
    pub key: ApiKey,
    /// `STATIC_CLUSTER_ID`, or the cluster ID in the configuration file.
    pub cluster_id: Option<String>,
    /// `API_HOST_HEADER_OVERRIDE`.
    pub host_header: Option<String>,
    /// `TLS_CA_CERT_FILE`: PEM content that replaces the system's roots.
    pub roots: Option<Result<Vec<u8>, ConfigError>>,
}

/// The agent's API key.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ApiKey {
    /// Unset or empty.
    Missing,
    /// Contains a byte that is not allowed in a header; names the byte, never the key.
    Malformed(String),
    /// The agent may have a key that is not visible here; says where it is stored.
    Unresolved(String),
    /// A key.
    Present(Secret),
}
