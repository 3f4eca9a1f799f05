//! Where the agent is, and whose variables are its environment: this process's own, or those that were seen elsewhere.

use std::path::PathBuf;

use crate::config::agent_env::{AgentEnv, object_name};
use crate::config::file::File;
use crate::config::load::Sources;
use crate::config::{AgentPlace, AgentSeen, Flags, Installation, Vantage};

/// The name that the agent's chart gives its account.
const AGENT: &str = "castai-agent";
const MOUNTS: &str = "/etc/castai-agent";
/// What the kubelet and a person tell this process of the API server, wherever the agent's environment comes from.
const OUR_OWN: [&str; 3] = [
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "KUBECONFIG",
];

/// Whether the agent is to be looked for through the API: this process is told that it does not stand in its pod.
pub(super) fn looked_for(flags: &Flags, file: &File) -> bool {
    let written = file.one("vantage").map(|written| written.value.as_str());
    flags.vantage.as_deref().or(written) == Some(Vantage::Companion.label())
}

/// The agent's environment, and what was seen of the agent.
pub(super) fn environment(
    looked_for: bool,
    seen: &AgentSeen,
    own: &dyn Fn(&str) -> Option<String>,
) -> (AgentSeen, AgentEnv) {
    if !looked_for {
        return (AgentSeen::NotLookedFor, AgentEnv::read(own, &|_| None));
    }
    let seen = match seen {
        AgentSeen::NotLookedFor => {
            AgentSeen::Unreadable("the agent's environment has not been read yet".to_owned())
        }
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
    /// Where the agent is, when it is looked for.
    pub(super) fn agent_place(&mut self, installation: &Installation) -> Option<AgentPlace> {
        let flags = self.flags;
        let service_account = self.setting(
            "--agent.service-account",
            flags.agent_service_account.as_deref(),
            "agent.service_account",
            object_name,
        );
        let mounts = self.path("agent.mounts");
        looked_for(flags, &self.file).then(|| AgentPlace {
            namespace: installation.namespace.clone(),
            deployment: installation.deployment.clone(),
            service_account: service_account.unwrap_or_else(|| AGENT.to_owned()),
            mounts: mounts.unwrap_or_else(|| PathBuf::from(MOUNTS)),
        })
    }
}
