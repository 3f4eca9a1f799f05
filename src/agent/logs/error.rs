//! Errors of reads of container logs.

use crate::kube::ClientError;

/// An error that prevented the read of all logs.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The API server returned no log.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Other logs used up the time of the attempt.
    #[error("other logs used up the attempt's time")]
    OutOfTime,
}

/// An error while reading one log.
#[derive(Debug)]
pub(super) enum ReadError {
    /// No log: the container has not started or was deleted.
    NoLog,
    /// A part of the log was not read.
    Incomplete(String),
    /// The log was not read.
    Failed(LogError),
}

impl From<ClientError> for ReadError {
    fn from(error: ClientError) -> Self {
        Self::Failed(LogError::Client(error))
    }
}
