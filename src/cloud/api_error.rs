//! Errors of cloud APIs and their token endpoints.

use crate::report::Finding;

/// The reason why a cloud API or token endpoint did not return what was requested.
#[derive(Debug, thiserror::Error)]
pub enum CloudApiError {
    /// The server could not be reached.
    #[error("{server}: {} ({})", finding.evidence, finding.mode)]
    Unreachable {
        /// `host:port` of the server.
        server: String,
        /// The failure of the connection or request.
        finding: Finding,
    },
    /// A setting or token is invalid, so nothing was sent.
    #[error("{0}")]
    InvalidSetting(String),
    /// The response is an error or lacks the data.
    #[error("{server} {problem}")]
    Response {
        /// The server.
        server: String,
        /// Status, message and remedy.
        problem: String,
    },
}
