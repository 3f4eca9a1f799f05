//! Repeats the discovery of the agent from another pod, so that its upgrade needs no restart of the
//! exporter.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::agent::discovery;
use crate::config::{AgentDiscovery, Config};
use crate::daemon::own_access::OwnAccess;

/// Time between two discoveries.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(15);
/// Deadline of the first discovery, which delays the first attempts.
const FIRST_DISCOVERY_TIMEOUT: Duration = Duration::from_secs(4);
/// Deadline of every later discovery.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(15);

/// Discovers the agent repeatedly; does nothing without a configured location.
#[derive(Debug)]
pub(super) struct DiscoveryLoop {
    access: Option<OwnAccess>,
    discovered: AgentDiscovery,
    /// Whether the last discovery failed and an earlier result is in use.
    stale: bool,
}

impl DiscoveryLoop {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            access: OwnAccess::new(config),
            discovered: AgentDiscovery::default(),
            stale: false,
        }
    }

    /// Changes the location for later discoveries.
    pub(super) fn set_location(&mut self, config: &Config) {
        self.access = OwnAccess::new(config);
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
        let access = self.access.as_ref()?;
        let limit = if self.discovered == AgentDiscovery::NotLookedFor {
            FIRST_DISCOVERY_TIMEOUT
        } else {
            DISCOVERY_TIMEOUT
        };
        let discovered = timeout(limit, discovery::discover(&access.client, &access.location)).await.unwrap_or_else(|_| {
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
