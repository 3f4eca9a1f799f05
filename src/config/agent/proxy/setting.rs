//! A single proxy setting.

use crate::config::config_error::ConfigError;
use crate::config::secret::Secret;
use crate::config::sourced_value::InvalidValue;

/// A forward proxy that tunnels with CONNECT.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proxy {
    /// Whether the connection to the proxy itself is TLS (`https://…`).
    pub tls: bool,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `user:password` of the URL, for `Proxy-Authorization: Basic`.
    pub credentials: Option<Secret>,
}

/// Why a proxy setting cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProxyError {
    /// The agent cannot use it either.
    Broken(ConfigError),
    /// The agent can use it, the exporter cannot.
    NotProbed(ConfigError),
}

/// Go's handling of a proxy setting.
pub(super) enum ProxySetting {
    /// Go uses this proxy.
    Through(Proxy),
    /// Go fails.
    Fails(InvalidValue),
    /// Go uses a proxy type that the exporter does not support.
    NotProbed(InvalidValue),
    /// Go cannot parse it and silently connects directly.
    Ignored(InvalidValue),
}
