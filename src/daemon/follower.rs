//! Follows the agent from another pod: looks for it again and again, so that an upgrade needs no restart of ours.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::agent::discovery;
use crate::config::{AgentPlace, AgentSeen, Config, ProxyRules};
use crate::kube::Door;
use crate::net::Resolver;

/// The time between two looks.
const PAUSE: Duration = Duration::from_secs(15);
/// How long the first look may take: it holds up the first attempts.
const FIRST: Duration = Duration::from_secs(4);
/// How long any other look may take.
const LOOK: Duration = Duration::from_secs(15);

/// Looks for the agent; without a place to look at it does nothing.
#[derive(Debug)]
pub(super) struct Follower {
    watched: Option<(AgentPlace, Door)>,
    seen: AgentSeen,
    /// Whether the last look failed and what was seen before is shown.
    stale: bool,
}

impl Follower {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            watched: watched(config),
            seen: AgentSeen::default(),
            stale: false,
        }
    }

    /// Where to look from now on.
    pub(super) fn follow(&mut self, config: &Config) {
        self.watched = watched(config);
    }

    /// Logs what is seen.
    pub(super) fn tell(&self) {
        match &self.seen {
            AgentSeen::NotLookedFor => {}
            AgentSeen::Found(elsewhere) => tracing::info!(
                source = elsewhere.source.label(),
                object = elsewhere.object,
                "the agent's environment was read"
            ),
            AgentSeen::Absent(why) => tracing::info!(why, "the agent is not installed"),
            AgentSeen::Unreadable(why) => {
                tracing::warn!(why, "the agent's environment is not known")
            }
        }
    }

    /// What was seen last.
    pub(super) fn seen(&self) -> &AgentSeen {
        &self.seen
    }

    /// Looks once; says whether something else is seen than before, `None` when there is nowhere to look.
    pub(super) async fn look(&mut self) -> Option<bool> {
        let (place, door) = self.watched.as_ref()?;
        let limit = if self.seen == AgentSeen::NotLookedFor {
            FIRST
        } else {
            LOOK
        };
        let seen = timeout(limit, discovery::look(door, place)).await.unwrap_or_else(|_| {
            let why = format!("the agent's environment cannot be read: the API server took longer than {limit:?}");
            AgentSeen::Unreadable(why)
        });
        // What was read before still holds while it cannot be read again: the agent runs with it.
        let before = std::mem::replace(
            &mut self.stale,
            self.seen.found().is_some() && seen.unreadable().is_some(),
        );
        if let Some(why) = seen.unreadable().filter(|_| self.stale && !before) {
            tracing::warn!(
                why,
                "what was read of the agent's environment before still counts"
            );
        }
        let changed = !self.stale && seen != self.seen;
        if changed {
            self.seen = seen;
        }
        Some(changed)
    }

    /// Ends when something else is seen.
    pub(super) async fn changed(&mut self) {
        loop {
            sleep(PAUSE).await;
            match self.look().await {
                Some(true) => return self.tell(),
                Some(false) => {}
                None => std::future::pending().await,
            }
        }
    }
}

fn watched(config: &Config) -> Option<(AgentPlace, Door)> {
    let place = config.agent_place.clone()?;
    // The agent's proxies are not ours, and may be what is broken.
    let own = Config {
        proxy: ProxyRules::default(),
        ..config.clone()
    };
    Some((
        place,
        Door::new(&own, &Arc::new(Resolver::new(&config.dns)), &Arc::default()),
    ))
}
