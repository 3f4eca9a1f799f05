//! Log lines of CAST AI's components in all their formats: logfmt of logrus and slog, slog's JSON,
//! klog, plain lines of the HTTP client and the AWS SDK, command-line errors, Go panics.
//!
//! The level alone decides nothing: an info line may contain the cause of an exit (`shutdown
//! triggered by …`), and healthy starts log errors. The innermost cause in a line decides; its
//! wrappers differ between versions.

pub(super) mod entry;
mod fields;
mod header;
mod level;
mod prefix;

use entry::Entry;
use level::Level;

use crate::catalogue::FailureMode as M;
use crate::classify::go_error::Cause;
use crate::classify::reading::Reading;
use crate::classify::rule::{Rule, contains_any, first_match, sounds_like_a_fault};
use crate::classify::text::{Grams, Text};
use crate::classify::{
    aws_error, castai, cloud_metadata, console, go_error, harmless, image_pull, kube_text,
    kubectl_output, non_go_error, pod,
};

/// Classifies a line.
pub(super) fn read(line: &str) -> Reading {
    if let Some(reading) = kubectl_output::read(line) {
        return reading;
    }
    let entry = Entry::parse(line);
    let text = entry.text();
    reading_of(&entry, Text::new(&text, &Grams::of(&text)))
}

/// Returns whether a text has the format of a log line: a level, fields, or a dated header.
pub(super) fn is_log_line(text: &str) -> bool {
    !Entry::parse(text).bare
}

/// Classifies a parsed line.
pub(super) fn reading_of(entry: &Entry, text: Text<'_>) -> Reading {
    let telling = entry.level != Level::Quiet || contains_any(text, TELLING);
    if !telling {
        return Reading::Harmless;
    }
    match judge(text) {
        Some(reading) => reading,
        None => match entry.level {
            Level::Error => M::Unclassified.into(),
            Level::Unknown if entry.may_be_a_fault && sounds_like_a_fault(text) => {
                M::Unclassified.into()
            }
            Level::Quiet if text.contains("shutdown triggered by") && !text.contains("signal") => {
                M::Unclassified.into()
            }
            Level::Warning | Level::Quiet | Level::Unknown => Reading::Harmless,
        },
    }
}

/// Classifies a message regardless of its level; `None` if no rule matches.
fn judge(text: Text<'_>) -> Option<Reading> {
    if let Some(mode) = castai::log_text(text) {
        return Some(mode.into());
    }
    if harmless::is_harmless(text) {
        return Some(Reading::Harmless);
    }
    if let Some(mode) = console::mode(text) {
        return Some(mode.into());
    }
    if let Some((_, event)) = text.split_once("k8s events detected: ") {
        return Some(kube_text::read_event(event));
    }
    if text.contains("code = Unauthenticated") {
        let mode = if rejects_the_key(text) {
            M::CastaiTokenInvalid
        } else {
            M::Unclassified
        };
        return Some(mode.into());
    }
    if let Some(mode) = first_match(OWN_WORDS, text) {
        return Some(mode.into());
    }
    if let Some(mode) = image_pull::mode(text).or_else(|| pod::mode(text)) {
        return Some(mode.into());
    }
    if let Some(reading) = cloud_metadata::log_text(text).or_else(|| aws_error::log_text(text)) {
        return Some(reading);
    }
    if let Some(mode) = kube_text::mode(text) {
        return Some(mode.into());
    }
    if let Some(cause) = go_error::cause_in(text) {
        return Some(in_context(cause, text));
    }
    if let Some(mode) = non_go_error::mode(text) {
        return Some(mode.into());
    }
    if contains_any(text, UNREADABLE) {
        return Some(
            if speaks_of_castai(text) {
                M::CastaiUnexpectedBody
            } else if text.contains("error parsing HTTP ") {
                // A container registry's client.
                M::Unclassified
            } else {
                M::K8sUnexpectedBody
            }
            .into(),
        );
    }
    first_match(CAUSE_UNTOLD, text).map(Reading::from)
}

/// Returns whether a gRPC call was rejected in CAST AI's words; other APIs use the same code.
fn rejects_the_key(text: Text<'_>) -> bool {
    const REASONS: &[&str] = &[
        "desc = invalid token",
        "desc = invalid api key",
        "desc = invalid API key",
        "desc = unauthorized",
        "desc = Unauthorized",
    ];
    speaks_of_castai(text) || contains_any(text, REASONS)
}

/// Returns the mode of a cause without a phase, which depends on the peer.
fn in_context(cause: Cause, text: Text<'_>) -> Reading {
    let about_kubernetes = !speaks_of_castai(text) && kube_text::speaks_of_kubernetes(text);
    match cause {
        Cause::Mode(mode) => mode.into(),
        Cause::Deadline | Cause::Lost | Cause::NotConnected if about_kubernetes => {
            M::K8sNoAnswer.into()
        }
        Cause::Deadline if is_unexplained_wait(text) => M::Unclassified.into(),
        Cause::Deadline => M::NetNoAnswer.into(),
        Cause::Lost => M::HttpTimeout.into(),
        Cause::NotConnected => M::NetConnectTimeout.into(),
        Cause::GivenUp if text.contains("failed sending delta: timed out") => {
            M::CastaiDeliveryFailed.into()
        }
        Cause::GivenUp if is_unexplained_wait(text) => M::Unclassified.into(),
        Cause::GivenUp => Reading::Harmless,
    }
}

/// Returns whether Helm or kubectl gave up waiting for the workload, without naming a cause.
fn is_unexplained_wait(text: Text<'_>) -> bool {
    const WAITED: &[&str] = &[
        "INSTALLATION FAILED: ",
        "UPGRADE FAILED: ",
        "ROLLBACK FAILED: ",
        "UNINSTALLATION FAILED: ",
        "due to atomic being set: ",
        "due to rollback-on-fail being set: ",
    ];
    let words = [
        "timed out waiting for the condition",
        "context deadline exceeded",
    ];
    let Some(at) = words.iter().find_map(|words| text.find(words)) else {
        return false;
    };
    let before = text.as_str()[..at].trim_end();
    contains_any(text, WAITED)
        || before.is_empty()
        || before.eq_ignore_ascii_case("error:") && text.contains("condition")
}

/// Returns whether a text concerns a connection to CAST AI.
pub(super) fn speaks_of_castai(text: Text<'_>) -> bool {
    const WORDS: &[&str] = &[
        "castai api",
        "/v1/kubernetes/",
        "sending delta",
        "agent configuration",
        "send logs",
        "cluster-actions",
        "RESTY",
    ];
    contains_any(text, WORDS) || names_a_host_of_castai(text)
}

/// Returns whether the text contains `cast.ai` as a host rather than as an API group of the
/// cluster.
fn names_a_host_of_castai(text: Text<'_>) -> bool {
    const GROUPS: &[&str] = &[
        "autoscaling.",
        "pod-mutations.",
        "runbooks.",
        "storageoptimization.",
        "live.",
    ];
    text.match_indices("cast.ai").any(|(at, _)| {
        let before = &text.as_str()[..at];
        let word = before.rsplit([' ', '"']).next().unwrap_or_default();
        !GROUPS.iter().any(|group| before.ends_with(group)) && !word.contains("/apis/")
    })
}

/// Info lines that report a fault.
const TELLING: &[&str] = &[
    "shutdown triggered by",
    "continuity token mismatch",
    "watch ended with error",
    "k8s events detected: ",
];

/// The components' own messages.
const OWN_WORDS: &[Rule] = &[
    (&["leader election stopped unexpectedly"], M::AgentCompleted),
    (&["continuity token mismatch"], M::CastaiContinuityToken),
    (&["invalid continuity token"], M::CastaiContinuityToken),
    (&["API_KEY", "is required"], M::CastaiKeyMissing),
    (&["No access to Kubernetes API server"], M::CpfwBlocked),
    (
        &["cluster ID is still empty after initialization"],
        M::CastaiUnexpectedBody,
    ),
    (&["bind: address already in use"], M::AgentPortTaken),
    (
        &["last healthy action is over the healthy limit"],
        M::AgentUnhealthy,
    ),
    (
        &["controller initialization exceeded hard timeout"],
        M::AgentUnhealthy,
    ),
    (&["controller not started"], M::AgentNotReadyInitialising),
    (
        &["initialization not started"],
        M::AgentNotReadyInitialising,
    ),
    (
        &["controller not initialized"],
        M::AgentNotReadyInitialising,
    ),
    (&["liveness check failed: "], M::AgentUnhealthy),
    (&["Health check failed due to: "], M::AgentUnhealthy),
    (&["readiness check failed: "], M::AgentNotReadyInitialising),
    (
        &["leader election record", "namespaces \"", "\" not found"],
        M::AgentNoLeader,
    ),
    (
        &["resource lock", "namespaces \"", "\" not found"],
        M::AgentNoLeader,
    ),
    (&["unknown provider"], M::AgentConfigInvalid),
    (
        &["failed to add root certificate to CA pool"],
        M::AgentConfigInvalid,
    ),
    (&["kubeconfig is nil"], M::AgentConfigInvalid),
    (&["error decoding '"], M::AgentConfigInvalid),
    (&["parsing configuration"], M::AgentConfigInvalid),
    (&["reading default config"], M::AgentConfigInvalid),
    (&["not a valid logrus Level"], M::AgentConfigInvalid),
    (&["time: invalid duration"], M::AgentConfigInvalid),
    (
        &["is required when discovery is disabled"],
        M::AgentConfigEnvMissing,
    ),
    (
        &["was provided in scientific notation"],
        M::MetadataAccountMalformed,
    ),
    (
        &["env variable CLUSTER_ID is required"],
        M::AgentConfigInvalid,
    ),
    (&["parsing cluster id"], M::AgentConfigInvalid),
];

/// Responses that the client cannot parse.
const UNREADABLE: &[&str] = &[
    "looking for beginning of value",
    "json: cannot unmarshal",
    "unexpected end of JSON input",
];

/// Failed operations that are logged without the cause.
const CAUSE_UNTOLD: &[Rule] = &[
    (&["failed sending delta:"], M::CastaiDeliveryFailed),
    (
        &["error while collecting initial snapshot"],
        M::AgentNotReadyInitialising,
    ),
    (
        &["failed to wait for cache sync"],
        M::AgentNotReadyInitialising,
    ),
    (&["failed to sync"], M::AgentNotReadyInitialising),
];

impl Entry {
    /// Returns message and error field as one text.
    pub(super) fn text(&self) -> String {
        match &self.error {
            Some(error) => format!("{}: {error}", self.message),
            None => self.message.clone(),
        }
    }
}
