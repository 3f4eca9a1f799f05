//! HTTP responses as text: with status line and headers, or the body alone.

use serde_json::Value;

use crate::catalogue::FailureMode as M;
use crate::classify::castai::{Answer, castai_answer};
use crate::classify::html::is_html;
use crate::classify::reading::Reading;
use crate::classify::rule::{contains_any, sounds_like_a_fault};
use crate::classify::text::{Grams, Text};
use crate::classify::{agent_log, aws_error, castai, http_message, kube_status};

/// Classifies an HTTP response.
pub(super) fn read(text: &str) -> Reading {
    if let Some(mode) = castai::log_text(Text::new(text, &Grams::of(text))) {
        return mode.into();
    }
    let Some((status, headers, body)) = http_message::parts(text) else {
        return read_body(text.trim());
    };
    let header = |name: &str| {
        headers
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(key, value)| key.trim().eq_ignore_ascii_case(name).then(|| value.trim()))
    };
    let content_type = header("content-type");
    if kube_status::is_status(body) {
        return kube_status::from_response(text).unwrap_or(Reading::Harmless);
    }
    if aws_error::is_error_xml(body) {
        return aws_error::read_body(body);
    }
    if contains_any(
        body,
        &["liveness check failed: ", "readiness check failed: "],
    ) {
        return agent_log::read(body);
    }
    let answer = Answer {
        status,
        content_type,
        request_id: header("x-castai-request-id"),
        headers,
        body,
    };
    castai_answer(&answer).map_or_else(
        || cluster(&serde_json::from_str(body).unwrap_or_default()),
        Reading::from,
    )
}

/// Classifies a cluster object in a healthy response of CAST AI.
fn cluster(value: &Value) -> Reading {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("agentStatus") {
        "non-responding" => M::CastaiNotResponding.into(),
        "disconnected" => M::CastaiDisconnected.into(),
        _ if !text("reconcileError").is_empty() => M::CastaiReconcileFailed.into(),
        _ => Reading::Harmless,
    }
}

/// Classifies a body without its status.
fn read_body(body: &str) -> Reading {
    if body.is_empty() {
        return Reading::Harmless;
    }
    if is_html(None, body) {
        let status = page_status(body);
        return castai_answer(&Answer {
            status,
            body,
            ..Answer::default()
        })
        .map_or(Reading::Harmless, Reading::from);
    }
    if aws_error::is_error_xml(body) {
        return aws_error::read_body(body);
    }
    let Ok(value) = serde_json::from_str::<Value>(body) else {
        return read_plain(body);
    };
    if value.get("kind").and_then(Value::as_str) == Some("Status") {
        return kube_status::read_body(body);
    }
    match json_status(&value) {
        Some(status) => castai_answer(&Answer {
            status,
            body,
            ..Answer::default()
        })
        .map_or(Reading::Harmless, Reading::from),
        None if value
            .get("message")
            .or_else(|| value.get("error"))
            .is_some() =>
        {
            M::Unclassified.into()
        }
        None => cluster(&value),
    }
}

/// Classifies a plain-text body, as gateways send it.
fn read_plain(body: &str) -> Reading {
    const GATEWAY: &[&str] = &[
        "upstream connect error",
        "no healthy upstream",
        "upstream request timeout",
        "stream timeout",
    ];
    if contains_any(body, GATEWAY) {
        return M::CastaiServerError.into();
    }
    let mode = match plain_status(body) {
        200 => None,
        status => castai_answer(&Answer {
            status,
            body,
            ..Answer::default()
        }),
    };
    match mode {
        Some(mode) => mode.into(),
        None if sounds_like_a_fault(Text::new(body, &Grams::of(body))) => M::Unclassified.into(),
        None => Reading::Harmless,
    }
}

/// Returns the status with which a plain text begins; in a sentence, the words prove nothing.
fn plain_status(body: &str) -> u16 {
    let head: String = body.chars().take(64).collect::<String>().to_lowercase();
    STATUS_NAMES
        .iter()
        .find(|(name, _)| head.starts_with(name))
        .map_or(200, |(_, status)| *status)
}

/// Status codes by their usual names, in lower case.
const STATUS_NAMES: &[(&str, u16)] = &[
    ("error code: 10", 403),
    ("407", 407),
    ("proxy authentication required", 407),
    ("401", 401),
    ("unauthorized", 401),
    ("403", 403),
    ("forbidden", 403),
    ("access denied", 403),
    ("attention required", 403),
    ("just a moment", 403),
    ("blocked", 403),
    ("404", 404),
    ("not found", 404),
    ("429", 429),
    ("too many requests", 429),
    ("502", 502),
    ("bad gateway", 502),
    ("503", 503),
    ("unavailable", 503),
    ("504", 504),
    ("gateway time", 504),
    ("500", 500),
    ("server error", 500),
];

/// Returns the status in the first words of a page.
fn page_status(body: &str) -> u16 {
    let head: String = body.chars().take(1024).collect::<String>().to_lowercase();
    let title = head.split_once("<title").map_or("", |(_, rest)| {
        rest.split_once("</title").map_or(rest, |(title, _)| title)
    });
    let named = |text: &str| {
        STATUS_NAMES
            .iter()
            .find(|(name, _)| text.contains(name))
            .map(|(_, status)| *status)
    };
    named(title).or_else(|| named(&head)).unwrap_or(200)
}

/// Returns the status that a JSON body of CAST AI names or implies.
fn json_status(value: &Value) -> Option<u16> {
    /// gRPC status codes, for gateways that copy the number into the body.
    const GRPC: &[(u64, u16)] = &[
        (3, 400),
        (5, 404),
        (7, 403),
        (8, 429),
        (13, 500),
        (14, 503),
        (16, 401),
    ];
    const WORDS: &[(&str, u16)] = &[
        ("continuity token", 400),
        ("unauthorized", 401),
        ("unauthenticated", 401),
        ("api key", 401),
        ("authentication", 401),
        ("forbidden", 403),
        ("permission", 403),
        ("access denied", 403),
        ("quota exceeded", 429),
        ("rate limit", 429),
        ("too many requests", 429),
        ("not found", 404),
        ("internal", 500),
        ("unavailable", 503),
    ];
    for key in ["statusCode", "status_code", "status", "code"] {
        match value.get(key).and_then(Value::as_u64) {
            Some(code @ 100..=599) => return u16::try_from(code).ok(),
            Some(code) => {
                if let Some((_, status)) = GRPC.iter().find(|(number, _)| *number == code) {
                    return Some(*status);
                }
            }
            None => {}
        }
    }
    let message = ["message", "error"]
        .iter()
        .find_map(|key| value.get(*key)?.as_str())?
        .to_lowercase();
    WORDS
        .iter()
        .find(|(word, _)| message.contains(word))
        .map(|(_, status)| *status)
}
