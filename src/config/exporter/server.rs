//! Settings of the HTTP server.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Settings of the HTTP server.
#[derive(Clone, Debug)]
pub struct WebSettings {
    /// Listen addresses; `[::]` means all addresses of both families.
    pub listen: Vec<SocketAddr>,
    /// The exporter-toolkit's web configuration file for TLS and basic authentication.
    pub config_file: Option<PathBuf>,
    /// URL under which users reach the exporter, for links.
    pub external_url: Option<url::Url>,
    /// Prefix of all routes: empty, or `/…` without a trailing slash.
    pub route_prefix: String,
    /// Whether `POST /-/reload` is enabled.
    pub enable_lifecycle: bool,
}
