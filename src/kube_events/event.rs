//! The Event that shows a change of a root cause.
//!
//! The API is `v1`, which `kubectl describe` reads. The reason is the failure mode in the form that
//! Kubernetes uses (`Ec2DeniedScp`), or `Recovered`; the message contains the mode itself.

use std::fmt::Write;
use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::catalogue::{FailureMode, first_sentence};
use crate::kube_events::root_causes::RootCause;
use crate::kube_events::root_tracker::{Recovery, RootChange};
use crate::redaction::known_secrets_hidden;

/// Longest message that the API server accepts, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;
/// Longest part of it that is evidence, in bytes: the fix follows.
const MAX_EVIDENCE_BYTES: usize = 400;
/// The reason of an Event about a recovery.
const RECOVERED: &str = "Recovered";
/// The name of this program in Events.
const COMPONENT: &str = "castai-health-exporter";

/// The object that an Event is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeploymentReference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its unique ID: `kubectl describe` leaves out Events of another one.
    pub uid: String,
}

/// The text of an Event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventText {
    /// `Warning` or `Normal`.
    pub severity: &'static str,
    /// A word.
    pub reason: String,
    /// Sentence and fix, at most 1024 bytes.
    pub message: String,
    /// A key that distinguishes it from other Events with this reason.
    subject: String,
    /// Since when it holds.
    since: SystemTime,
}

impl EventText {
    /// Describes a change.
    pub fn new(change: &RootChange, now: SystemTime) -> Self {
        match change {
            RootChange::Holds(root) => Self {
                severity: "Warning",
                reason: upper_camel_case(root.mode),
                message: bounded(&root_message(root), MAX_MESSAGE_BYTES),
                subject: root.check.to_string(),
                since: root.since,
            },
            RootChange::Recovered(recovery) => Self {
                severity: "Normal",
                reason: RECOVERED.to_owned(),
                message: bounded(&recovery_message(recovery, now), MAX_MESSAGE_BYTES),
                subject: format!("{} {}", recovery.check, recovery.mode),
                since: now,
            },
        }
    }

    /// Returns the name of the object. The same change has the same name, so that it counts up
    /// instead of adding objects.
    pub fn object_name(&self, about: &DeploymentReference) -> String {
        let parts = [&about.uid, self.severity, &self.reason, &self.subject];
        let digest = Sha256::digest(parts.join("\n"));
        let hash = digest.iter().take(8).fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a string succeeds");
            hex
        });
        format!("{}.{hash}", about.name)
    }

    /// Returns the object to create.
    pub fn object(&self, about: &DeploymentReference, now: SystemTime) -> Value {
        let DeploymentReference {
            namespace,
            name,
            uid,
        } = about;
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "name": self.object_name(about), "namespace": namespace },
            "involvedObject": {
                "apiVersion": "apps/v1", "kind": "Deployment",
                "namespace": namespace, "name": name, "uid": uid,
            },
            "type": self.severity, "reason": self.reason, "message": self.message,
            "count": 1, "firstTimestamp": timestamp(self.since), "lastTimestamp": timestamp(now),
            "source": { "component": COMPONENT },
            "reportingComponent": COMPONENT,
        })
    }

    /// Returns the change of an object that exists; without a count, the API server keeps its own.
    pub fn patch(&self, count: Option<u64>, now: SystemTime) -> Value {
        let mut patch = json!({ "message": self.message, "lastTimestamp": timestamp(now) });
        if let Some(count) = count {
            patch["count"] = json!(count);
        }
        patch
    }
}

fn root_message(root: &RootCause) -> String {
    let sentence = first_sentence(root.mode.entry().meaning);
    let mut message = format!(
        "{} ({}, check {}).",
        sentence.trim_end_matches('.'),
        root.mode,
        root.check
    );
    let evidence = bounded(root.evidence.as_str(), MAX_EVIDENCE_BYTES);
    if !evidence.is_empty() {
        write!(message, " {evidence}.").expect("writing to a string succeeds");
    }
    message + " Fix: " + &root.remedy
}

fn recovery_message(recovery: &Recovery, now: SystemTime) -> String {
    let lasted = now.duration_since(recovery.since).unwrap_or_default();
    let minutes = lasted.as_secs() / 60;
    let lasted = match minutes {
        0 => format!("{} s", lasted.as_secs()),
        1..120 => format!("{minutes} min"),
        _ => format!("{} h", minutes / 60),
    };
    format!(
        "The check {} no longer fails. It had shown {} for {lasted}.",
        recovery.check, recovery.mode
    )
}

/// Returns the label of a mode in the form of a Kubernetes reason.
pub fn upper_camel_case(mode: FailureMode) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(usize::from(!word.is_empty()));
        first.to_ascii_uppercase() + rest
    };
    mode.label().split('_').map(word).collect()
}

/// Hides secrets and cuts the text to a number of bytes.
fn bounded(text: &str, most: usize) -> String {
    const ELLIPSIS: &str = "…";
    let text = known_secrets_hidden(text);
    if text.len() <= most {
        return text.into_owned();
    }
    let cut = text.floor_char_boundary(most - ELLIPSIS.len());
    format!("{}{ELLIPSIS}", &text[..cut])
}

/// Returns a time as `metav1.Time`: whole seconds.
fn timestamp(at: SystemTime) -> String {
    let seconds = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::catalogue::CheckId;
    use crate::config::Secret;
    use crate::report::Evidence;

    fn root(evidence: &str) -> RootCause {
        RootCause {
            check: CheckId::Ec2Api,
            mode: FailureMode::Ec2DeniedScp,
            evidence: Evidence::from(evidence),
            remedy: "Allow ec2:DescribeInstances.".to_owned(),
            since: SystemTime::UNIX_EPOCH + Duration::from_hours(482_136),
        }
    }

    fn text(root: &RootCause) -> EventText {
        EventText::new(&RootChange::Holds(root.clone()), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn reason_is_the_mode_in_upper_camel_case() {
        for mode in FailureMode::ALL {
            let reason = upper_camel_case(*mode);
            assert!(reason.len() <= 128 && reason.starts_with(|c: char| c.is_ascii_uppercase()));
            assert!(
                reason.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{reason}"
            );
        }
        assert_eq!(text(&root("x")).reason, "Ec2DeniedScp");
    }

    #[test]
    fn message_has_sentence_mode_evidence_and_fix() {
        let message = text(&root("explicit deny in a service control policy")).message;
        let wanted = "(ec2_denied_scp, check ec2_api). explicit deny in a service control policy. \
                      Fix: Allow ec2:DescribeInstances.";
        assert!(message.ends_with(wanted), "{message}");
    }

    #[test]
    fn message_is_bounded_and_keeps_the_fix() {
        let long = RootCause {
            remedy: "Allow ec2:DescribeInstances.".to_owned(),
            ..root(&"ä".repeat(2000))
        };
        let message = text(&long).message;
        assert!(message.len() <= MAX_MESSAGE_BYTES, "{}", message.len());
        assert!(
            message.ends_with("…. Fix: Allow ec2:DescribeInstances."),
            "{message}"
        );
    }

    #[test]
    fn secrets_are_hidden_in_the_message() {
        let secret = Secret::new("event-test-key-4711-abcdef");
        let message = text(&root(&format!("the key {} was sent", secret.reveal()))).message;
        assert!(
            !message.contains("4711") && message.contains("[redacted]"),
            "{message}"
        );
    }

    #[test]
    fn same_change_has_the_same_name_until_the_deployment_is_recreated() {
        let about = |uid: &str| DeploymentReference {
            namespace: "castai-agent".to_owned(),
            name: "castai-agent".to_owned(),
            uid: uid.to_owned(),
        };
        let name = |evidence: &str, uid: &str| text(&root(evidence)).object_name(&about(uid));
        assert_eq!(name("a", "1"), name("b", "1"));
        assert_ne!(name("a", "1"), name("a", "2"));
        assert!(name("a", "1").starts_with("castai-agent."));
    }

    #[test]
    fn recovery_is_normal_and_says_how_long_it_took() {
        let recovery = Recovery {
            check: CheckId::Ec2Api,
            mode: FailureMode::Ec2DeniedScp,
            since: SystemTime::UNIX_EPOCH,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_mins(14);
        let text = EventText::new(&RootChange::Recovered(recovery), now);
        assert_eq!(
            (text.severity, text.reason.as_str()),
            ("Normal", "Recovered")
        );
        assert!(text.message.contains("ec2_api") && text.message.contains("for 14 min"));
    }

    #[test]
    fn first_timestamp_is_the_begin_of_the_failure() {
        let about = DeploymentReference {
            namespace: "a".to_owned(),
            name: "b".to_owned(),
            uid: "c".to_owned(),
        };
        let object = text(&root("x")).object(&about, SystemTime::UNIX_EPOCH);
        assert_eq!(object["firstTimestamp"], "2025-01-01T00:00:00Z");
        assert_eq!(object["lastTimestamp"], "1970-01-01T00:00:00Z");
    }
}
