//! Responses of an API server, as received.

use serde_json::Value;

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::html::is_html;
use crate::classify::kube_text::names_etcd;
use crate::classify::reading::Reading;
use crate::classify::text::{Grams, Text};
use crate::classify::{http_message, kube_text, pod};

/// Returns the mode of a response from the API server's address; `None` if it is healthy.
pub fn kube_status(status: u16, content_type: Option<&str>, body: &[u8]) -> Option<FailureMode> {
    let text = String::from_utf8_lossy(body);
    if (200..=299).contains(&status) {
        return is_html(content_type, &text).then_some(M::K8sUnexpectedBody);
    }
    if let Some(message) = StatusBody::parse(&text) {
        return Some(message.mode(status));
    }
    Some(plain(status, text.trim()))
}

/// Classifies a body alone.
pub(super) fn read_body(text: &str) -> Reading {
    if let Some(reading) = from_response(text) {
        return reading;
    }
    if let Some(status) = StatusBody::parse(text) {
        if status.success || matches!(status.code, 409 | 410) {
            return Reading::Harmless;
        }
        return status.mode(status.code).into();
    }
    let body = text.trim();
    if is_html(None, body) {
        return M::K8sUnexpectedBody.into();
    }
    if serde_json::from_str::<Value>(body)
        .is_ok_and(|value| value.get("kind").is_some() || value.get("gitVersion").is_some())
    {
        return Reading::Harmless;
    }
    match kube_text::mode(Text::new(body, &Grams::of(body))).or_else(|| plain_mode(body)) {
        Some(mode) => mode.into(),
        None if body.is_empty() || body == "ok" => Reading::Harmless,
        None => M::K8sUnexpectedBody.into(),
    }
}

/// Returns whether a body is a `StatusBody` object.
pub(super) fn is_status(body: &str) -> bool {
    StatusBody::parse(body).is_some()
}

/// Fields of a `StatusBody` object.
struct StatusBody {
    success: bool,
    code: u16,
    reason: String,
    message: String,
}

impl StatusBody {
    fn parse(body: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(body.trim()).ok()?;
        if value.get("kind")?.as_str()? != "Status" {
            return None;
        }
        let text = |key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Some(Self {
            success: text("status") == "Success",
            code: value
                .get("code")
                .and_then(Value::as_u64)
                .and_then(|code| u16::try_from(code).ok())
                .unwrap_or(0),
            reason: text("reason"),
            message: text("message"),
        })
    }

    fn mode(&self, status: u16) -> FailureMode {
        let by_reason = match self.reason.as_str() {
            "Unauthorized" => 401,
            "Forbidden" => 403,
            "TooManyRequests" => 429,
            "ServiceUnavailable" => 503,
            "Timeout" | "ServerTimeout" => 504,
            "InternalError" => 500,
            _ => 0,
        };
        let status = if status == 0 { by_reason } else { status };
        let grams = Grams::of(&self.message);
        let message = Text::new(&self.message, &grams);
        if let Some(mode) = pod::mode(message).filter(|_| matches!(status, 403 | 404 | 422 | 500)) {
            return mode;
        }
        match status {
            401 => M::K8sUnauthorized,
            403 if self.message.contains("not yet ready to handle request") => M::K8sServerError,
            403 if self.message.contains("system:anonymous") => M::K8sAnonymousForbidden,
            403 => M::K8sRbacForbidden,
            429 => M::K8sThrottled,
            500..=599 if names_etcd(&self.message) => M::K8sEtcdError,
            500..=599 => M::K8sServerError,
            _ => kube_text::mode(message).unwrap_or(M::Unclassified),
        }
    }
}

/// Returns the mode of a response that is not a `StatusBody`: the API server sends some refusals as
/// plain text.
fn plain(status: u16, body: &str) -> FailureMode {
    if is_html(None, body) {
        return M::K8sUnexpectedBody;
    }
    match status {
        429 => M::K8sThrottled,
        500..=599 => plain_mode(body).unwrap_or(M::K8sUnexpectedBody),
        _ => M::K8sUnexpectedBody,
    }
}

/// Returns the mode of a plain text of an API server.
fn plain_mode(body: &str) -> Option<FailureMode> {
    const OWN: &[&str] = &[
        "Internal Server Error: \"",
        "service unavailable",
        "This request caused apiserver to panic",
        "[-]",
    ];
    if body.starts_with("Too many requests") {
        return Some(M::K8sThrottled);
    }
    if body == "Unauthorized" {
        return Some(M::K8sUnauthorized);
    }
    if !OWN.iter().any(|start| body.starts_with(start)) && !body.contains("\n[-]") {
        return None;
    }
    Some(if names_etcd_failing(body) {
        M::K8sEtcdError
    } else {
        M::K8sServerError
    })
}

/// Like [`names_etcd`], for the list of `/readyz?verbose`, where etcd may be among the healthy
/// items.
fn names_etcd_failing(body: &str) -> bool {
    if body.contains("[-]") {
        body.contains("[-]etcd")
    } else {
        names_etcd(body)
    }
}

/// Classifies a response with a status line, if it comes from an API server.
pub(super) fn from_response(text: &str) -> Option<Reading> {
    let (status, _, body) = http_message::parts(text)?;
    Some(kube_status(status, None, body.as_bytes()).map_or(Reading::Harmless, Reading::from))
}
