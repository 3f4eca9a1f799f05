//! What all checks share to go anywhere.

use std::sync::Arc;

use crate::config::Config;
use crate::config::ProxyRules;
use crate::config::proxy::Proxy;
use crate::probe::Resolver;

/// The pod's resolver and its proxies.
#[derive(Clone, Debug)]
pub struct World {
    /// Resolves names anew each time.
    pub resolver: Arc<Resolver>,
    proxies: Arc<ProxyRules>,
}

impl World {
    /// The world of a configuration.
    pub fn new(config: &Config) -> Self {
        Self { resolver: Arc::new(Resolver::new(&config.dns)), proxies: Arc::new(config.proxy.clone()) }
    }

    /// The proxy on the way to a target.
    pub fn proxy_for(&self, https: bool, host: &str, port: u16) -> Option<Proxy> {
        self.proxies.proxy_for(https, host, port)?.as_ref().ok().cloned()
    }

    /// The name that the agent's resolver is asked for on the way: behind a proxy that is the proxy's.
    pub fn asked_for(&self, https: bool, host: &str, port: u16) -> String {
        self.proxy_for(https, host, port).map_or_else(|| host.to_owned(), |proxy| proxy.host)
    }
}
