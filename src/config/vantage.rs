//! Where this process runs relative to the agent.

/// Where this process runs relative to the agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Vantage {
    /// A container in the agent's pod.
    Sidecar,
    /// A separate pod, or a shell.
    Companion,
}

impl Vantage {
    /// Returns the value of the label `vantage`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sidecar => "sidecar",
            Self::Companion => "companion",
        }
    }
}
