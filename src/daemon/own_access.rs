//! A companion's own access to the API server.

use std::sync::Arc;

use crate::config::{AgentLocation, Config, ProxyRules};
use crate::kube::Client;
use crate::net::Resolver;

/// The API server as a companion reaches it with its own account, and where the agent is.
#[derive(Debug)]
pub(super) struct OwnAccess {
    /// The location of the agent.
    pub(super) location: AgentLocation,
    /// A client without the agent's proxies.
    pub(super) client: Client,
    /// The resolver of this pod.
    pub(super) resolver: Arc<Resolver>,
}

impl OwnAccess {
    /// Returns the access of a companion; `None` if no location of the agent is configured.
    pub(super) fn new(config: &Config) -> Option<Self> {
        let location = config.agent_location.clone()?;
        // The agent's proxies do not apply to the exporter, and may be what is broken.
        let own = Config {
            proxy: ProxyRules::default(),
            ..config.clone()
        };
        let resolver = Arc::new(Resolver::new(&own.dns));
        Some(Self {
            location,
            client: Client::new(&own, &resolver),
            resolver,
        })
    }
}
