//! Selects the rules for a text by its declared kind and its shape.

use serde_json::Value;

use crate::catalogue::FailureMode as M;
use crate::classify::reading::Reading;
use crate::classify::text::{Grams, Text};
use crate::classify::text_kind::TextKind;
use crate::classify::{
    agent_log, aws_error, cloud_metadata, http_text, kube_objects, kube_status, kube_text,
    kubectl_output,
};

/// Classifies a text; without a kind, its shape decides where it comes from.
///
/// A kind is a hint: a text that is not a body of the declared kind is classified as what it is.
pub fn classify(kind: Option<TextKind>, text: &str) -> Reading {
    if let Some(reading) = curl_headers(text) {
        return reading;
    }
    if let Some(statements) = kube_objects::statements(text) {
        return worst(
            statements
                .iter()
                .map(|statement| classify(None, &statement.text)),
        );
    }
    let kind = kind.unwrap_or_else(|| TextKind::guess(text));
    if kind == TextKind::AgentLog {
        return agent_log::read(text);
    }
    let is_plain = is_plain(text);
    if is_plain && agent_log::is_log_line(text) {
        return agent_log::read(text);
    }
    if (is_plain || kind == TextKind::K8sEvent)
        && let Some(reading) = kubectl_output::read(text)
    {
        return reading;
    }
    let reading = match kind {
        TextKind::AgentLog => agent_log::read(text),
        TextKind::K8sEvent => kube_text::read_event(text),
        TextKind::ApiserverBody => kube_status::read_body(text),
        TextKind::AwsErrorBody => aws_error::read_body(text),
        TextKind::Http => http_text::read(text),
    };
    let is_vague = matches!(
        reading,
        Reading::Harmless | Reading::Mode(M::Unclassified | M::K8sUnexpectedBody)
    );
    if !is_vague {
        return reading;
    }
    let as_log = if is_plain {
        agent_log::read(text)
    } else {
        match TextKind::guess(text) {
            TextKind::AwsErrorBody if kind != TextKind::AwsErrorBody => aws_error::read_body(text),
            TextKind::ApiserverBody => kube_status::read_body(text),
            _ => cloud_metadata::log_text(Text::new(text, &Grams::of(text)))
                .unwrap_or(Reading::Harmless),
        }
    };
    match as_log {
        Reading::Mode(M::Unclassified) if kind == TextKind::ApiserverBody => as_log,
        Reading::Mode(mode) if mode != M::Unclassified => as_log,
        _ => reading,
    }
}

/// Returns the first reading that names a failure, or else one that reports an unknown one.
fn worst(readings: impl Iterator<Item = Reading>) -> Reading {
    let mut worst = Reading::Harmless;
    for reading in readings {
        match reading {
            Reading::Harmless => {}
            Reading::Mode(M::Unclassified) => worst = reading,
            Reading::Mode(_) => return reading,
        }
    }
    worst
}

/// Classifies the headers of a response as `curl -v` prints them, with `< ` before each line.
///
/// They may be a proxy's answer to CONNECT, so that only the statuses of a rejected key and of a
/// proxy name a mode.
fn curl_headers(text: &str) -> Option<Reading> {
    let status = text.trim_start().strip_prefix("< HTTP/")?;
    let status: u16 = status.split(' ').nth(1)?.trim().parse().ok()?;
    Some(match status {
        401 => M::CastaiTokenInvalid.into(),
        407 => M::ProxyAuthRequired.into(),
        400.. => M::Unclassified.into(),
        _ => Reading::Harmless,
    })
}

/// Returns whether a text is neither a document nor an HTTP response; syslog's priority and a bracketed
/// prefix may look like one.
fn is_plain(text: &str) -> bool {
    let text = text.trim_start();
    let is_page =
        text.starts_with('<') && !text[1..].starts_with(|next: char| next.is_ascii_digit());
    let is_json = text.starts_with('{') || text.starts_with("[{") || text == "[]";
    !is_page && !is_json && !text.starts_with("HTTP")
}

/// Classifies a line: a text of any kind, or a text with its kind as
/// `{"kind":"k8s_event","text":"…"}`.
pub fn classify_line(line: &str) -> Reading {
    match labelled(line) {
        Some((kind, text)) => classify(kind, &text),
        None => classify(None, line),
    }
}

/// Parses `{"kind":…,"text":…}`; an unknown kind counts as none.
fn labelled(line: &str) -> Option<(Option<TextKind>, String)> {
    let is_labelled = line.trim_start().starts_with('{')
        && line.contains("\"kind\"")
        && line.contains("\"text\"");
    if !is_labelled {
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
