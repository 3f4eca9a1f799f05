//! What a text means: log lines, Kubernetes messages and error bodies → failure mode.
//!
//! Pure functions over tables; std and `serde_json` only, no I/O, nothing here fails or panics.
//! A text is the last resort: whoever has a type or a code classifies by that, and asks here only where there is nothing else.
//!
//! The same rules serve every source, because a cause keeps its wording on its way through wrappers:
//! `go_error` knows how Go names the faults of networks, TLS and proxies, `kube_status` and `castai` know the answers of
//! the API server and of CAST AI, `aws_error` those of AWS, `agent_log` takes the formats of log lines apart,
//! `image_pull` and `pod` know the words of kubelet, scheduler and controllers.
//! Where a wording fits several causes, the ambiguous mode is the answer.

mod agent_log;
mod aws_error;
pub mod castai;
mod cloud_metadata;
pub mod go_error;
mod http_text;
mod image_pull;
pub mod kube_status;
mod kube_text;
mod pod;
mod pod_identity;
mod told;

use std::str::FromStr;

pub use aws_error::{Service as AwsService, code as aws_code, error_body as aws_error_body};
pub use castai::castai_answer;
pub use image_pull::registry;
pub use kube_status::kube_status;
pub use pod_identity::pod_identity;
use serde_json::Value;
pub use told::{About, LogLine, Sign, log_line};

use crate::catalogue::FailureMode;

/// Where a text comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A line of the agent's or a sibling's log, in any of their formats.
    AgentLog,
    /// The message of a Kubernetes event or of a container's state.
    K8sEvent,
    /// The body of an API server's answer.
    ApiserverBody,
    /// The body of an answer of EC2, STS or another AWS service.
    AwsErrorBody,
    /// An HTTP answer of CAST AI: its body, with or without status line and headers.
    Http,
}

/// What a text says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reading {
    /// A fault; one that no rule knows is [`FailureMode::Unclassified`].
    Mode(FailureMode),
    /// A harmless line, or the mere consequence of a fault that it does not name.
    Harmless,
}

/// The name of a kind that does not exist.
#[derive(Debug, Eq, PartialEq)]
pub struct UnknownKind;

/// What a text says; without a kind its shape decides where it comes from.
pub fn classify(kind: Option<Kind>, text: &str) -> Reading {
    match kind.unwrap_or_else(|| Kind::guess(text)) {
        Kind::AgentLog => agent_log::read(text),
        Kind::K8sEvent => kube_text::read_event(text),
        Kind::ApiserverBody => kube_status::read_body(text),
        Kind::AwsErrorBody => aws_error::read_body(text),
        Kind::Http => http_text::read(text),
    }
}

/// What a line says: a text of any kind, or a text with its kind as `{"kind":"k8s_event","text":"…"}`.
pub fn classify_line(line: &str) -> Reading {
    match labelled(line) {
        Some((kind, text)) => classify(kind, &text),
        None => classify(None, line),
    }
}

/// The parts of `{"kind":…,"text":…}`; a kind that does not exist counts as none.
fn labelled(line: &str) -> Option<(Option<Kind>, String)> {
    if !line.trim_start().starts_with('{') {
        return None;
    }
    let Value::Object(mut object) = serde_json::from_str(line).ok()? else {
        return None;
    };
    let kind = object.get("kind")?.as_str()?.parse().ok();
    let Value::String(text) = object.remove("text")? else {
        return None;
    };
    Some((kind, text))
}

impl Kind {
    /// Every kind with its name.
    pub const NAMED: &'static [(&'static str, Self)] = &[
        ("agent_log", Self::AgentLog),
        ("k8s_event", Self::K8sEvent),
        ("apiserver_body", Self::ApiserverBody),
        ("aws_error_body", Self::AwsErrorBody),
        ("http", Self::Http),
    ];

    /// The kind of a text, by its shape alone; what has no other shape is a log line.
    fn guess(text: &str) -> Self {
        let text = text.trim_start();
        if text.starts_with("HTTP/") {
            return Self::Http;
        }
        if text.starts_with('<') {
            return if http_text::is_aws_xml(text) {
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
        if has("level") || has("msg") || has("time") {
            return Self::AgentLog;
        }
        if has("__type") || has("Code") || has("Message") || text.contains("associated role") {
            return Self::AwsErrorBody;
        }
        Self::Http
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::NAMED
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| *kind)
            .ok_or(UnknownKind)
    }
}

impl Reading {
    /// The failure mode, if the text names a fault.
    pub const fn mode(self) -> Option<FailureMode> {
        match self {
            Self::Mode(mode) => Some(mode),
            Self::Harmless => None,
        }
    }
}

impl From<FailureMode> for Reading {
    fn from(mode: FailureMode) -> Self {
        Self::Mode(mode)
    }
}

/// A rule of a table: every one of the words must stand in the text.
type Rule = (&'static [&'static str], FailureMode);

/// The mode of the first rule that fits.
fn first_match(rules: &[Rule], text: &str) -> Option<FailureMode> {
    rules
        .iter()
        .find(|(words, _)| words.iter().all(|word| text.contains(word)))
        .map(|(_, mode)| *mode)
}

/// Whether one of the words stands in the text.
fn contains_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Whether a text without level or code speaks of a fault at all.
fn sounds_like_a_fault(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "error",
        "fail",
        "denied",
        "cannot",
        "can't",
        "unable",
        "refused",
        "timeout",
        "timed out",
        "invalid",
        "panic",
        "fatal",
        "forbidden",
        "exceeded",
        "unauthorized",
        "not found",
        "missing",
        "unreachable",
        "expired",
        "rejected",
        "couldn't",
        "could not",
        "no access",
    ];
    contains_any(&text.to_lowercase(), WORDS)
}
