//! The error of CAST AI's client.

use crate::report::{Evidence, Finding};

/// A request to CAST AI that failed or was not sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CastaiError {
    /// The agent's API settings are not known to this process.
    #[error("the agent's API_URL and API_KEY are not known to this exporter")]
    NotConfigured,
    /// The agent's settings are invalid, the connection failed, or CAST AI returned an error.
    #[error("{}", .0.evidence)]
    Failed(Finding),
    /// This process cannot send the request, which does not affect the agent.
    #[error("{0}")]
    Unavailable(Evidence),
}
