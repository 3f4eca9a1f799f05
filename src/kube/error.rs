//! Errors of reads from the API server.

use http::StatusCode;

use crate::catalogue::FailureMode;
use crate::config::ConfigError;
use crate::kube::caller::Caller;
use crate::kube::endpoint::AuthError;
use crate::net::Response;
use crate::report::{Evidence, Finding};

/// An error while reading from the API server.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither a pod's service account nor a kubeconfig is configured.
    #[error(
        "no API server configured: not running in a pod (KUBERNETES_SERVICE_HOST is unset) \
         and no kubeconfig given"
    )]
    NotConfigured,
    /// `KUBERNETES_SERVICE_HOST` or `KUBERNETES_SERVICE_PORT` is invalid.
    #[error("cannot connect to the API server: {0}")]
    InvalidAddress(ConfigError),
    /// The proxy setting is invalid, for the agent too.
    #[error("cannot connect to the API server: {0}")]
    InvalidProxy(ConfigError),
    /// The proxy setting is valid, but the exporter does not support it.
    #[error("cannot connect to the API server: {0}")]
    UnsupportedProxy(ConfigError),
    /// The credentials are missing or unusable.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// No connection could be established.
    #[error("cannot connect to the API server: {}", .0.evidence)]
    Connect(Finding),
    /// A request on an established connection got no response.
    #[error("{}", .0.evidence)]
    Request(Finding),
    /// RBAC denies a permission.
    #[error("{caller} is not allowed to {permission}")]
    Forbidden {
        /// The account that the request was sent as.
        caller: Caller,
        /// The permission, such as `list pods`.
        permission: String,
    },
    /// The API server rejected a request.
    #[error("{request} returned {status} {body}{}", in_parentheses(*mode))]
    Rejected {
        /// Method and path.
        request: String,
        /// The HTTP status.
        status: StatusCode,
        /// The quoted response body.
        body: String,
        /// The failure mode that the response indicates, if one is known.
        mode: Option<FailureMode>,
    },
    /// The response is not what the API server returns for this request.
    #[error("malformed response from the API server for {subject}: {cause}")]
    Malformed {
        /// The requested objects.
        subject: String,
        /// The cause, without values that may be secret.
        cause: String,
    },
    /// A watch has delivered neither an event nor a bookmark for too long.
    #[error(
        "the watch on {resource} has received nothing for {seconds} s{}",
        after_colon(cause.as_deref())
    )]
    Stale {
        /// The watched resource.
        resource: &'static str,
        /// Seconds since the last list, event or bookmark.
        seconds: u64,
        /// The error that interrupted the watch.
        cause: Option<Box<ClientError>>,
    },
}

impl ClientError {
    pub(super) fn rejected(request: &str, response: &Response, mode: Option<FailureMode>) -> Self {
        Self::Rejected {
            request: request.to_owned(),
            status: response.status,
            body: response.quoted(),
            mode,
        }
    }
}

impl From<ClientError> for Evidence {
    fn from(error: ClientError) -> Self {
        Self::from(error.to_string())
    }
}

fn in_parentheses(mode: Option<FailureMode>) -> String {
    mode.map(|mode| format!(" ({mode})")).unwrap_or_default()
}

fn after_colon(cause: Option<&ClientError>) -> String {
    cause.map(|cause| format!(": {cause}")).unwrap_or_default()
}
