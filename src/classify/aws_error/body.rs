//! Error bodies, in every envelope that AWS uses.

use serde_json::Value;

use crate::classify::html::is_html;
use crate::classify::rule::contains_any;

/// A parsed AWS error body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ErrorBody {
    /// Error code; without one, the response is not from AWS.
    pub code: Option<String>,
    /// Error message.
    pub message: Option<String>,
    /// Request ID.
    pub request_id: Option<String>,
}

/// Parses an error body in any envelope: EC2's, STS's, or JSON.
pub fn error_body(body: &str) -> ErrorBody {
    let body = body.trim();
    let ((code, message), request_id) = if body.starts_with('{') {
        (json(body), None)
    } else if is_html(None, body) {
        return ErrorBody::default();
    } else {
        (
            (tag(body, "Code"), tag(body, "Message")),
            tag(body, "RequestId").or_else(|| tag(body, "RequestID")),
        )
    };
    ErrorBody {
        code: code.filter(|code| !code.is_empty()),
        message,
        request_id,
    }
}

/// Parses code and message of a JSON error.
pub(super) fn json(body: &str) -> (Option<String>, Option<String>) {
    let Ok(value) = serde_json::from_str::<Value>(body) else {
        return (None, None);
    };
    let text = |keys: &[&str]| {
        keys.iter()
            .find_map(|key| value.get(*key)?.as_str())
            .map(str::to_owned)
    };
    let code = text(&["__type", "Code", "code"])
        .map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
    let message = text(&["message", "Message"]);
    (
        code.or_else(|| message.as_deref().and_then(code_of_message)),
        message,
    )
}

/// Infers the code from a message: some services send the code in a header only.
fn code_of_message(message: &str) -> Option<String> {
    const MESSAGES: &[(&str, &str)] = &[
        (
            "does not have permissions to assume the associated role",
            "AccessDeniedException",
        ),
        (
            "security token included in the request is invalid",
            "UnrecognizedClientException",
        ),
        (
            "security token included in the request is expired",
            "ExpiredToken",
        ),
        ("Rate exceeded", "ThrottlingException"),
        (
            "signature we calculated does not match",
            "SignatureDoesNotMatch",
        ),
        ("Signature expired", "SignatureDoesNotMatch"),
    ];
    MESSAGES
        .iter()
        .find(|(words, _)| message.contains(words))
        .map(|(_, code)| (*code).to_owned())
}

/// Returns the text of the first element with this name.
pub(super) fn tag(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once("</")
        .map(|(text, _)| text.trim().to_owned())
}

/// Returns whether this is an AWS error document.
pub(in crate::classify) fn is_error_xml(text: &str) -> bool {
    text.contains("<Code>")
        && contains_any(
            text,
            &["<ErrorResponse", "<Response>", "<Errors>", "<Error>"],
        )
}
