//! A log line as the log tailer needs it: its meaning, the peer, and signs of liveness.

use jiff::Timestamp;

use crate::catalogue::{FailureMode, Family};
use crate::classify::agent_log::entry::Entry;
use crate::classify::agent_log::{reading_of, speaks_of_castai};
use crate::classify::kube_text;
use crate::classify::reading::Reading;
use crate::classify::rule::contains_any;
use crate::classify::text::{Grams, Text};

/// A log line of a CAST AI component.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Its meaning.
    pub reading: Reading,
    /// The peer that a fault concerns.
    pub about: Peer,
    /// Evidence that the agent works.
    pub sign: Option<Liveness>,
    /// Whether the fault is logged once and lasts until refuted.
    pub lasts: bool,
    /// Whether it concerns a delta, which is retried until delivered.
    pub delivery: bool,
    /// Whether it concerns the credentials of a cloud, rather than the API that they are for.
    pub credentials: bool,
    /// Its statement about the leader election lease.
    pub lease: Option<LeaseSign>,
    /// The time of the event that the line reports, if it reports one.
    pub event_at: Option<Timestamp>,
    /// The message without time, level and fields.
    pub words: String,
}

/// The peer that a fault concerns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peer {
    /// The API server.
    Kubernetes,
    /// CAST AI.
    Castai,
    /// AWS, or the metadata of another cloud.
    Cloud,
    /// The component itself: its settings, ports or pod.
    Itself,
}

/// Statement of a line about the leader election lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LeaseSign {
    /// Another process changed the lease since the agent read it.
    Conflict,
    /// The agent's own rate limiter did not let a request through in time.
    ClientWait,
}

/// Evidence that the agent works.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Liveness {
    /// A delta was delivered.
    Delivered,
    /// It is alive, and another replica leads.
    Follows,
}

/// Parses and classifies a log line.
pub fn log_line(line: &str) -> LogLine {
    let entry = Entry::parse(line);
    let words = entry.text();
    let grams = Grams::of(&words);
    let text = Text::new(&words, &grams);
    let reading = match reading_of(&entry, text) {
        // The line before names the cause, and the agent's exit is seen in its pod.
        Reading::Mode(FailureMode::AgentCompleted) => Reading::Harmless,
        reading => reading,
    };
    LogLine {
        reading,
        about: reading
            .mode()
            .map_or(Peer::Itself, |mode| about(mode, text)),
        sign: sign(text),
        lasts: text.contains("failed to determine node lifecycle"),
        delivery: text.contains("failed sending delta"),
        credentials: reading
            .mode()
            .is_some_and(|mode| concerns_credentials(mode, text)),
        lease: lease_sign(text),
        event_at: event_time(text),
        words,
    }
}

fn sign(text: Text<'_>) -> Option<Liveness> {
    // Agents up to v0.23 wrote `delta with items[3] sent, response_code=204`.
    if text.contains("delta upload finished")
        || text.contains("delta with items[") && text.contains("response_code=2")
    {
        Some(Liveness::Delivered)
    } else if text.contains("Not a leader, skipping sending deltas") {
        Some(Liveness::Follows)
    } else {
        None
    }
}

fn lease_sign(text: Text<'_>) -> Option<LeaseSign> {
    if text.contains("Operation cannot be fulfilled on leases") {
        Some(LeaseSign::Conflict)
    } else if text.contains("resource lock") && text.contains("client rate limiter Wait") {
        Some(LeaseSign::ClientWait)
    } else {
        None
    }
}

/// Returns whether a fault concerns credentials: they are not issued, or they are rejected.
fn concerns_credentials(mode: FailureMode, text: Text<'_>) -> bool {
    const WORDS: &[&str] = &[
        "get credentials",
        "retrieve credentials",
        "refresh cached credentials",
        "operation error STS",
        "AssumeRole",
    ];
    matches!(mode.family(), Family::AwsCredentials | Family::Sts)
        || mode.family().is_cloud() && contains_any(text, WORDS)
        || mode.family() == Family::Network && contains_any(text, WORDS)
}

/// Returns the time in `k8s events detected: TYPE:Warning REASON:… TIMESTAMP:2026-11-22 13:04:50
/// +0000 UTC MESSAGE:…`; events without a time have the year 1.
fn event_time(text: Text<'_>) -> Option<Timestamp> {
    let (_, event) = text.split_once("k8s events detected: ")?;
    let (_, rest) = event.split_once("TIMESTAMP:")?;
    let (time, _) = rest.split_once(" UTC")?;
    let at = Timestamp::strptime("%Y-%m-%d %H:%M:%S %z", time).ok()?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

fn about(mode: FailureMode, text: Text<'_>) -> Peer {
    const CLOUD: &[&str] = &[
        "amazonaws",
        "operation error ",
        "EC2Metadata",
        "169.254.",
        "metadata.google.internal",
        "aws client",
    ];
    let label = mode.label();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| label.starts_with(prefix));
    if starts(&["castai_"]) {
        Peer::Castai
    } else if starts(&["k8s_"]) {
        Peer::Kubernetes
    } else if starts(&["aws_", "ec2_", "gcp_", "azure_"])
        || mode == FailureMode::MetadataUnresolvable
    {
        // Missing metadata is attributed to the metadata service.
        Peer::Cloud
    } else if !starts(&["net_", "tls_", "proxy_", "http_"]) {
        Peer::Itself
    } else if contains_any(text, CLOUD) {
        Peer::Cloud
    } else if speaks_of_castai(text) {
        Peer::Castai
    } else if kube_text::speaks_of_kubernetes(text) || text.contains("Get \"https://") {
        Peer::Kubernetes
    } else {
        Peer::Itself
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event_at(time: &str) -> Option<Timestamp> {
        let event = format!(
            "TYPE:Warning REASON:Unhealthy TIMESTAMP:{time} MESSAGE:Liveness probe failed: a"
        );
        log_line(&format!(
            "time=\"x\" level=error msg=\"k8s events detected: {event}\""
        ))
        .event_at
    }

    #[test]
    fn event_time_is_parsed() {
        let expected = "2026-11-22T13:04:50Z".parse().expect("a time");
        assert_eq!(event_at("2026-11-22 13:04:50 +0000 UTC"), Some(expected));
        assert_eq!(event_at("2026-11-22 15:04:50 +0200 UTC"), Some(expected));
        for without_time in ["0001-01-01 00:00:00 +0000 UTC", "yesterday UTC", ""] {
            assert_eq!(event_at(without_time), None, "{without_time}");
        }
    }

    #[test]
    fn complaints_about_credentials_differ_from_those_about_the_api() {
        let lookup = |end: &str| {
            log_line(&format!("time=\"x\" level=warning msg=\"failed to determine node lifecycle: describing instances: operation error EC2: DescribeInstances, {end}\"")).credentials
        };
        assert!(lookup(
            "get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, RequestID: a, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"
        ));
        assert!(lookup(
            "get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 0, RequestID: , request send failed, Post \\\"https://sts.eu-central-1.amazonaws.com/\\\": net/http: TLS handshake timeout"
        ));
        assert!(!lookup(
            "https response error StatusCode: 403, RequestID: a, api error UnauthorizedOperation: You are not authorized to perform this operation."
        ));
        assert!(!lookup(
            "https response error StatusCode: 503, RequestID: a, api error RequestLimitExceeded: Request limit exceeded."
        ));
    }
}
