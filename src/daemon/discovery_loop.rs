//! Repeats the discovery of the agent from another pod, so that its upgrade needs no restart of the
//! exporter.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::agent::discovery;
use crate::config::{AgentDiscovery, AgentLocation, Config, ProxyRules};
use crate::kube::Client;
use crate::net::Resolver;

/// Time between two discoveries.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(15);
/// Deadline of the first discovery, which delays the first attempts.
const FIRST_DISCOVERY_TIMEOUT: Duration = Duration::from_secs(4);
/// Deadline of every later discovery.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(15);

/// Discovers the agent repeatedly; does nothing without a configured location.
#[derive(Debug)]
pub(super) struct DiscoveryLoop {
    location_and_client: Option<(AgentLocation, Client)>,
    discovered: AgentDiscovery,
    /// Whether the last discovery failed and an earlier result is in use.
    stale: bool,
}

impl DiscoveryLoop {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            location_and_client: location_and_client(config),
            discovered: AgentDiscovery::default(),
            stale: false,
        }
    }

    /// Changes the location for later discoveries.
    pub(super) fn set_location(&mut self, config: &Config) {
        self.location_and_client = location_and_client(config);
    }

    /// Logs the latest result.
    pub(super) fn log_discovery(&self) {
        match &self.discovered {
            AgentDiscovery::NotLookedFor => {}
            AgentDiscovery::Found(elsewhere) => tracing::info!(
                source = elsewhere.source.label(),
                object = elsewhere.object,
                "the agent's environment was read"
            ),
            AgentDiscovery::Absent(why) => tracing::info!(why, "the agent is not installed"),
            AgentDiscovery::Unreadable(why) => {
                tracing::warn!(why, "the agent's environment is not known");
            }
        }
    }

    /// Returns the latest result.
    pub(super) fn discovered(&self) -> &AgentDiscovery {
        &self.discovered
    }

    /// Runs one discovery; returns whether the result changed, or `None` without a location.
    pub(super) async fn discover(&mut self) -> Option<bool> {
        let (place, kube_client) = self.location_and_client.as_ref()?;
        let limit = if self.discovered == AgentDiscovery::NotLookedFor {
            FIRST_DISCOVERY_TIMEOUT
        } else {
            DISCOVERY_TIMEOUT
        };
        let discovered = timeout(limit, discovery::discover(kube_client, place)).await.unwrap_or_else(|_| {
            let why = format!("the agent's environment cannot be read: the API server took longer than {limit:?}");
            AgentDiscovery::Unreadable(why)
        });
        // An earlier result stays valid while discovery fails: the agent still runs with it.
        let before = std::mem::replace(
            &mut self.stale,
            self.discovered.found().is_some() && discovered.unreadable().is_some(),
        );
        if let Some(why) = discovered.unreadable().filter(|_| self.stale && !before) {
            tracing::warn!(
                why,
                "what was read of the agent's environment before still counts"
            );
        }
        let changed = !self.stale && discovered != self.discovered;
        if changed {
            self.discovered = discovered;
        }
        Some(changed)
    }

    /// Resolves when the result changes.
    pub(super) async fn changed(&mut self) {
        loop {
            sleep(DISCOVERY_INTERVAL).await;
            match self.discover().await {
                Some(true) => return self.log_discovery(),
                Some(false) => {}
                None => std::future::pending().await,
            }
        }
    }
}

fn location_and_client(config: &Config) -> Option<(AgentLocation, Client)> {
    let place = config.agent_location.clone()?;
    // The agent's proxies do not apply to the exporter, and may be what is broken.
    let own = Config {
        proxy: ProxyRules::default(),
        ..config.clone()
    };
    Some((
        place,
        Client::new(&own, &Arc::new(Resolver::new(&config.dns))),
    ))
}
