//! The agent's installation.

use crate::config::agent::aws::version::Version;

/// The agent's installation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Installation {
    /// Its namespace: from the configuration file, else from the mounted service account, else
    /// `castai-agent`.
    pub namespace: String,
    /// The name of its Deployment.
    pub deployment: String,
    /// The Helm release that the next upgrade will use.
    pub release: Option<String>,
    /// The latest known version of the agent.
    pub latest: Option<Version>,
    /// Whether each of its pods should contain this exporter.
    pub sidecar_expected: bool,
}
