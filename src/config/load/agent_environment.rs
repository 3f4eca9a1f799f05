//! Where the agent is, and which environment is the agent's: this process's own or the discovered
//! one.

use std::path::PathBuf;

use crate::config::agent::discovered::{AgentDiscovery, AgentLocation};
use crate::config::agent::env::{AgentEnv, object_name};
use crate::config::agent::installation::Installation;
use crate::config::exporter::file::File;
use crate::config::exporter::flags::Flags;
use crate::config::load::sources::Sources;
use crate::config::vantage::Vantage;

/// Service account name of the agent's chart.
const AGENT: &str = "castai-agent";
const MOUNTS: &str = "/etc/castai-agent";
/// Variables about the API server that always come from this process's own environment.
const OUR_OWN: [&str; 3] = [
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "KUBECONFIG",
];

/// Returns whether the agent has to be discovered through the API server: this process runs outside
/// its pod.
pub(super) fn looked_for(flags: &Flags, file: &File) -> bool {
    let written = file.one("vantage").map(|written| written.value.as_str());
    flags.vantage.as_deref().or(written) == Some(Vantage::Companion.label())
}

/// Returns the agent's environment and the result of discovery.
pub(super) fn environment(
    looked_for: bool,
    seen: &AgentDiscovery,
    own: &dyn Fn(&str) -> Option<String>,
) -> (AgentDiscovery, AgentEnv) {
    if !looked_for {
        return (AgentDiscovery::NotLookedFor, AgentEnv::read(own, &|_| None));
    }
    let seen = match seen {
        AgentDiscovery::NotLookedFor => AgentDiscovery::Unreadable(
            "the agent's environment has not been discovered yet".to_owned(),
        ),
        seen => seen.clone(),
    };
    let found = seen.found();
    let variable = |name: &str| match found {
        _ if OUR_OWN.contains(&name) => own(name),
        Some(elsewhere) => elsewhere
            .variables
            .get(name)
            .map(|value| value.reveal().to_owned()),
        None => None,
    };
    let env = AgentEnv::read(&variable, &|name| {
        found.and_then(|elsewhere| elsewhere.unseen(name))
    });
    (seen, env)
}

impl Sources<'_> {
    /// Returns where to discover the agent, if it has to be discovered.
    pub(super) fn agent_location(&mut self, installation: &Installation) -> Option<AgentLocation> {
        let flags = self.flags;
        let service_account = self.setting(
            "--agent.service-account",
            flags.agent_service_account.as_deref(),
            "agent.service_account",
            object_name,
        );
        let mounts = self.path("agent.mounts");
        let token_requests = self.key("agent.token_requests", |text| Ok(text == "true"));
        looked_for(flags, &self.file).then(|| AgentLocation {
            namespace: installation.namespace.clone(),
            deployment: installation.deployment.clone(),
            service_account: service_account.unwrap_or_else(|| AGENT.to_owned()),
            mounts: mounts.unwrap_or_else(|| PathBuf::from(MOUNTS)),
            token_requests: flags
                .agent_token_requests
                .or(token_requests)
                .unwrap_or(true),
        })
    }
}
