//! A projected service-account token that the agent's container mounts.

use std::path::PathBuf;

/// A projected service-account token that the agent's container mounts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MountedToken {
    /// Its path in the agent's container.
    pub file: PathBuf,
    /// Its audience; `None` means the API server.
    pub audience: Option<String>,
}
