//! Where a text comes from, declared by the caller or guessed by its shape.

use std::str::FromStr;

use serde_json::Value;

use crate::classify::aws_error;

/// Where a text comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TextKind {
    /// A log line of the agent or another CAST AI component, in any format.
    AgentLog,
    /// The message of a Kubernetes event or of a container state.
    K8sEvent,
    /// The body of an API server's response.
    ApiserverBody,
    /// The body of a response of EC2, STS or another AWS service.
    AwsErrorBody,
    /// An HTTP response of CAST AI: its body, with or without status line and headers.
    Http,
}

/// An unknown kind.
#[derive(Debug, Eq, PartialEq)]
pub struct UnknownKindError;

impl TextKind {
    /// Every kind with its name.
    pub const NAMED: &'static [(&'static str, Self)] = &[
        ("agent_log", Self::AgentLog),
        ("k8s_event", Self::K8sEvent),
        ("apiserver_body", Self::ApiserverBody),
        ("aws_error_body", Self::AwsErrorBody),
        ("http", Self::Http),
    ];

    /// Guesses the kind of a text by its shape; the default is a log line.
    pub(super) fn guess(text: &str) -> Self {
        let text = text.trim_start();
        // Without a status line, only the reason phrase of CAST AI's edge is unmistakable.
        if text.starts_with("HTTP/") || text.starts_with("401 Authorization Required") {
            return Self::Http;
        }
        // syslog's priority in brackets is not a tag.
        if text.starts_with('<') && !text[1..].starts_with(|next: char| next.is_ascii_digit()) {
            return if aws_error::is_error_xml(text) {
                Self::AwsErrorBody
            } else {
                Self::Http
            };
        }
        if text.starts_with('{') {
            return Self::guess_json(text);
        }
        Self::AgentLog
    }

    fn guess_json(text: &str) -> Self {
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            return Self::AgentLog;
        };
        let has = |key: &str| object.contains_key(key);
        if object.get("kind").is_some_and(|kind| kind == "Event")
            || has("reason") && has("message") && !has("code")
        {
            return Self::K8sEvent;
        }
        if has("apiVersion") && has("kind") || has("gitVersion") {
            return Self::ApiserverBody;
        }
        let is_log = ENVELOPE_KEYS.iter().any(|key| has(key));
        if is_log || has("level") || has("msg") || has("time") {
            return Self::AgentLog;
        }
        if has("__type") || has("Code") || has("Message") || text.contains("associated role") {
            return Self::AwsErrorBody;
        }
        Self::Http
    }
}

/// Keys that only log collectors and structured loggers write.
const ENVELOPE_KEYS: &[&str] = &[
    "jsonPayload",
    "textPayload",
    "@timestamp",
    "log.level",
    "@level",
    "severity",
    "lvl",
    "logger",
    "stream",
];

impl FromStr for TextKind {
    type Err = UnknownKindError;

    fn from_str(name: &str) -> Result<Self, UnknownKindError> {
        Self::NAMED
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| *kind)
            .ok_or(UnknownKindError)
    }
}
