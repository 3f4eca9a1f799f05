//! Verdicts for the errors of the clients that checks use.

use crate::agent::logs::LogError;
use crate::castai::CastaiError;
use crate::catalogue::FailureMode;
use crate::kube::{AuthError, ClientError};
use crate::report::{Evidence, Finding, Verdict};

impl From<ClientError> for Verdict {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NotConfigured => Self::NotApplicable(error.into()),
            _ => Self::Unknown(error.into()),
        }
    }
}

impl From<CastaiError> for Verdict {
    fn from(error: CastaiError) -> Self {
        match error {
            CastaiError::NotConfigured => Self::NotApplicable(Evidence::from(error.to_string())),
            CastaiError::Failed(finding) => Self::failing(finding),
            CastaiError::Unavailable(why) => Self::Unknown(why),
        }
    }
}

impl From<LogError> for Verdict {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Client(error) => error.into(),
            LogError::OutOfTime => Self::Unknown(Evidence::from(error.to_string())),
        }
    }
}

/// Returns the verdict of `apiserver`, for which invalid settings and a missing token are failures.
pub(super) fn endpoint_verdict(error: ClientError) -> Verdict {
    match error {
        ClientError::InvalidAddress(problem) | ClientError::InvalidProxy(problem) => {
            Verdict::failing(Finding::new(
                FailureMode::AgentConfigInvalid,
                problem.to_string(),
            ))
        }
        ClientError::UnsupportedProxy(problem) => {
            Verdict::Unknown(Evidence::from(problem.to_string()))
        }
        ClientError::Auth(AuthError::TokenMissing(evidence)) => {
            Verdict::failing(Finding::new(FailureMode::K8sTokenMissing, evidence))
        }
        other => other.into(),
    }
}
