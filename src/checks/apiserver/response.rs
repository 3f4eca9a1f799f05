//! Failure modes and evidence from the API server's responses.

use crate::catalogue::{Category, FailureMode};
use crate::classify::kube_status;
use crate::kube::{ApiEndpoint, Caller};
use crate::net::certificate::date;
use crate::net::{Connection, Response, authority};
use crate::report::{Evidence, Finding};

/// Returns an error unless the API server accepted the request.
pub(super) fn accept(
    response: &Response,
    endpoint: &ApiEndpoint,
    caller: &Caller,
    path: &str,
) -> Result<(), Finding> {
    let media = response.content_type();
    match kube_status(response.status.as_u16(), Some(&media), &response.body) {
        None => Ok(()),
        Some(FailureMode::K8sUnauthorized) => Err(unauthorized(response, endpoint, caller, path)),
        Some(mode) if mode.category() == Category::Denied => Err(Finding::new(
            mode,
            format!(
                "GET {path} as {caller} returned {} {}",
                response.status,
                response.quoted()
            ),
        )),
        Some(mode) => Err(Finding::new(
            mode,
            format!(
                "GET {path} returned {} {}",
                response.status,
                response.quoted()
            ),
        )),
    }
}

/// Returns the version in a `/version` response.
pub(super) fn version(
    response: &Response,
    endpoint: &ApiEndpoint,
    caller: &Caller,
) -> Result<String, Finding> {
    accept(response, endpoint, caller, "/version")?;
    let version = response
        .json()
        .and_then(|json| Some(json.get("gitVersion")?.as_str()?.to_owned()));
    version.ok_or_else(|| unexpected(response, "/version"))
}

fn unauthorized(
    response: &Response,
    endpoint: &ApiEndpoint,
    caller: &Caller,
    path: &str,
) -> Finding {
    let now = jiff::Timestamp::now().as_second();
    match endpoint.credentials.token_expiry {
        Some(expiry) if expiry < now => Finding::new(
            FailureMode::K8sTokenExpired,
            format!(
                "GET {path} returned {}; the token of {caller} expired at {}",
                response.status,
                date(expiry)
            ),
        ),
        _ => Finding::new(
            FailureMode::K8sUnauthorized,
            format!(
                "GET {path} as {caller} returned {} {}",
                response.status,
                response.quoted()
            ),
        ),
    }
}

fn unexpected(response: &Response, path: &str) -> Finding {
    let evidence = format!(
        "GET {path} returned {} {} {}, which is not an API server's response",
        response.status,
        response.content_type(),
        response.quoted()
    );
    Finding::new(FailureMode::K8sUnexpectedBody, evidence)
}

/// Describes a reachable server that has not shown how it treats the agent's account.
pub(super) fn reachable_evidence(name: &str, why: &Evidence) -> Evidence {
    Evidence::from(format!("{name} responds; {why}"))
}

pub(super) fn ok_evidence(name: &str, version: &str, connection: &Connection) -> Evidence {
    let peer = authority(&connection.peer.ip().to_string(), connection.peer.port());
    let at = if peer == name {
        String::new()
    } else {
        format!(" ({peer})")
    };
    Evidence::from(format!("{name}{at} responds, Kubernetes {version}"))
}
