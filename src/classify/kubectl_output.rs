//! Rows that kubectl prints: events, conditions and tables.

use crate::catalogue::FailureMode as M;
use crate::classify::reading::Reading;
use crate::classify::rule::contains_any;
use crate::classify::text::{Grams, Text};
use crate::classify::{image_pull, kube_text};

/// Most words before the type of an event.
const MAX_WORDS: usize = 14;

/// Classifies a row; `None` if the text is not a row.
pub(super) fn read(line: &str) -> Option<Reading> {
    if let Some((normal, event)) = event(line) {
        return Some(if normal {
            normal_event(event)
        } else {
            kube_text::read_event(event)
        });
    }
    condition(line).or_else(|| table_row(line))
}

/// Returns whether an event is of type Normal, and its reason and message.
fn event(line: &str) -> Option<(bool, &str)> {
    // Few lines name a type at all.
    if !contains_any(line, &["Normal", "Warning"]) {
        return None;
    }
    for (mark, normal) in [
        ("type: 'Normal' reason: ", true),
        ("type: 'Warning' reason: ", false),
        ("type=\"Normal\" reason=", true),
        ("type=\"Warning\" reason=", false),
        ("\"type\":\"Normal\"", true),
        ("\"type\": \"Normal\"", true),
        ("TYPE:Normal REASON:", true),
        ("TYPE:Warning REASON:", false),
    ] {
        if let Some((_, event)) = line.split_once(mark) {
            return Some((normal, event));
        }
    }
    row(line)
}

/// Parses `2m57s  Warning  FailedScheduling  pod/x  message`, as `kubectl get events` and
/// `kubectl describe` print it.
fn row(line: &str) -> Option<(bool, &str)> {
    let mut rest = line.trim_start();
    for position in 0..MAX_WORDS {
        let end = rest.find([' ', '\t'])?;
        let (word, behind) = rest.split_at(end);
        let behind = behind.trim_start();
        if matches!(word, "Normal" | "Warning") {
            let reason = behind.split([' ', '\t']).next().unwrap_or_default();
            return is_reason(reason).then_some((word == "Normal", behind));
        }
        if !is_column_before_type(word, position) {
            return None;
        }
        rest = behind;
    }
    None
}

/// Returns whether a word looks like `FailedScheduling`.
fn is_reason(word: &str) -> bool {
    word.len() >= 4
        && word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Returns whether a word can precede the type: an age, a count, a namespace or a source.
fn is_column_before_type(word: &str, position: usize) -> bool {
    let starts_with_digit = word.starts_with(|first: char| first.is_ascii_digit());
    starts_with_digit
        || word.starts_with(['(', '{', '<', '}'])
        || word.ends_with([')', '}'])
        || matches!(word, "over" | "ago")
        || position == 0
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit())
}

/// The kubelet reports two faults as Normal.
fn normal_event(event: &str) -> Reading {
    if event.contains("failed liveness probe") {
        M::AgentLivenessKilled.into()
    } else if event.contains("Back-off pulling image") {
        image_pull::mode(Text::new(event, &Grams::of(event)))
            .unwrap_or(M::ImageUnknown)
            .into()
    } else {
        Reading::Harmless
    }
}

/// Classifies a row of conditions: `MemoryPressure  False  …` is healthy.
fn condition(line: &str) -> Option<Reading> {
    const BAD_IF_TRUE: &[&str] = &[
        "MemoryPressure",
        "DiskPressure",
        "PIDPressure",
        "OutOfDisk",
        "NetworkUnavailable",
        "ReplicaFailure",
        "Failed",
        "Failing",
        "Stalled",
        "Degraded",
        "DisruptionTarget",
        "KernelDeadlock",
        "ReadonlyFilesystem",
        "FrequentKubeletRestart",
        "FrequentDockerRestart",
        "FrequentContainerdRestart",
    ];
    let mut words = line
        .split(|next: char| next.is_whitespace() || "\":,{}=".contains(next))
        .filter(|word| !word.is_empty());
    let kind = words.next()?;
    let status = words.next()?;
    if line.trim_start().starts_with('{') {
        return condition_object(line, BAD_IF_TRUE);
    }
    let healthy = match status {
        "False" => BAD_IF_TRUE.contains(&kind),
        "True" => is_reason(kind) && !BAD_IF_TRUE.contains(&kind),
        _ => false,
    };
    healthy.then_some(Reading::Harmless)
}

/// Classifies a condition as a JSON object.
fn condition_object(line: &str, bad_if_true: &[&str]) -> Option<Reading> {
    if !line.contains("\"lastTransitionTime\"") {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    let kind = value.get("type")?.as_str()?;
    let healthy = match value.get("status")?.as_str()? {
        "False" => bad_if_true.contains(&kind),
        "True" => !bad_if_true.contains(&kind),
        _ => false,
    };
    healthy.then_some(Reading::Harmless)
}

/// Classifies a row of `kubectl get`: its status decides, never words in its names.
fn table_row(line: &str) -> Option<Reading> {
    const STATUSES: &[(&str, M)] = &[
        ("CrashLoopBackOff", M::AgentCrashloop),
        ("OOMKilled", M::AgentOomkilled),
        ("Evicted", M::AgentEvicted),
        ("ErrImageNeverPull", M::ImageNeverPull),
        ("InvalidImageName", M::ImageInvalidName),
        ("SignatureValidationFailed", M::ImageSignature),
        ("RegistryUnavailable", M::ImageRegistryUnavailable),
        ("ErrImagePull", M::ImageUnknown),
        ("ImagePullBackOff", M::ImageUnknown),
        ("CreateContainerConfigError", M::AgentConfigMissing),
    ];
    let line = line.trim();
    // Rows are short, and their columns are separated by two spaces or more.
    if line.len() > 400 || line.contains(": ") || line.contains(['"', '=']) {
        return None;
    }
    let columns: Vec<&str> = line
        .split("  ")
        .flat_map(|column| column.split('\t'))
        .map(str::trim)
        .filter(|column| !column.is_empty())
        .collect();
    let is_row = columns.len() >= 3 && columns.iter().all(|column| column.split(' ').count() <= 5);
    if !is_row {
        return None;
    }
    let status = columns.iter().skip(1).find_map(|column| {
        let column = column.strip_prefix("Init:").unwrap_or(column);
        STATUSES.iter().find(|(status, _)| column == *status)
    });
    Some(status.map_or(Reading::Harmless, |(_, mode)| (*mode).into()))
}
