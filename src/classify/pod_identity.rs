//! Responses of the EKS Pod Identity agent: plain text, with the backend's code in brackets.

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::html::is_html;

/// Returns the mode of a response without credentials.
pub fn pod_identity(status: u16, body: &str) -> FailureMode {
    let text = body.trim();
    let code = text
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .map_or("", |(code, _)| code);
    match code {
        "AccessDeniedException" => return M::AwsPodIdentityDenied,
        "ResourceNotFoundException" => return M::AwsPodIdentityNoAssociation,
        "ExpiredTokenException" | "InvalidTokenException" | "InvalidRequestException" => {
            return M::AwsPodIdentityTokenInvalid;
        }
        "ThrottlingException" => return M::AwsPodIdentityThrottled,
        _ => {}
    }
    match status {
        429 => M::AwsPodIdentityThrottled,
        400 if text.starts_with("Service account token") => M::AwsPodIdentityTokenInvalid,
        // A backend that could not be reached has neither code nor request ID: the text is `[]`.
        500..=599 if !is_html(None, text) => M::AwsPodIdentityBackendUnreachable,
        // Whatever responds like this is not the agent, or was not addressed by its own address.
        _ => M::AwsPodIdentityAgentUnreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_then_the_status_then_nobody_knows_who_answers() {
        let refused = |code: &str| format!("[0b1c]: ({code}): some text, fault: client\n");
        for (status, body, mode) in [
            (
                400,
                refused("AccessDeniedException"),
                M::AwsPodIdentityDenied,
            ),
            (
                404,
                refused("ResourceNotFoundException"),
                M::AwsPodIdentityNoAssociation,
            ),
            (
                400,
                refused("ExpiredTokenException"),
                M::AwsPodIdentityTokenInvalid,
            ),
            (
                400,
                "Service account token cannot be empty\n".to_owned(),
                M::AwsPodIdentityTokenInvalid,
            ),
            (
                429,
                "Too Many Requests\n".to_owned(),
                M::AwsPodIdentityThrottled,
            ),
            (
                429,
                refused("ThrottlingException"),
                M::AwsPodIdentityThrottled,
            ),
            (500, "[]\n".to_owned(), M::AwsPodIdentityBackendUnreachable),
            (
                503,
                refused("ServiceUnavailableException"),
                M::AwsPodIdentityBackendUnreachable,
            ),
            (
                502,
                "<html><body>Bad Gateway</body></html>".to_owned(),
                M::AwsPodIdentityAgentUnreachable,
            ),
            (
                403,
                "Access Denied. Called agent through invalid address".to_owned(),
                M::AwsPodIdentityAgentUnreachable,
            ),
            (
                404,
                "404 page not found\n".to_owned(),
                M::AwsPodIdentityAgentUnreachable,
            ),
        ] {
            assert_eq!(pod_identity(status, &body), mode, "{status} {body}");
        }
    }
}
