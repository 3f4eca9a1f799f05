//! Where the agent's environment was read from.

/// Where the agent's environment was read from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AgentEnvironment {
    /// This process's environment.
    Own,
    /// The agent's pod, through the API server.
    Pod,
    /// The agent's Deployment, through the API server, because it has no pod.
    Deployment,
    /// Nowhere: no variable of the agent is set, or the agent was not found.
    None,
}

impl AgentEnvironment {
    /// Returns the value of the label `agent_environment`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Pod => "pod",
            Self::Deployment => "deployment",
            Self::None => "none",
        }
    }
}
