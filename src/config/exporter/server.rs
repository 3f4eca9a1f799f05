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
    /// Routes that require no password.
    pub open_routes: OpenRoutes,
}

/// Routes that require no password although the web configuration has users.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OpenRoutes {
    /// `/-/healthy` and `/-/ready`.
    pub health: bool,
    /// `/metrics`.
    pub metrics: bool,
}

/// A value of `web.open_routes`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OpenRoute {
    /// `/-/healthy` and `/-/ready`.
    Health,
    /// `/metrics`.
    Metrics,
}

impl FromIterator<OpenRoute> for OpenRoutes {
    fn from_iter<I: IntoIterator<Item = OpenRoute>>(routes: I) -> Self {
        let mut open = Self::default();
        for route in routes {
            match route {
                OpenRoute::Health => open.health = true,
                OpenRoute::Metrics => open.metrics = true,
            }
        }
        open
    }
}
