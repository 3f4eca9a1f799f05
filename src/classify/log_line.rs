//! A log line as the log tailer needs it: its meaning, the peer, and signs of liveness.

use crate::catalogue::FailureMode;
use crate::classify::agent_log::entry::Entry;
use crate::classify::agent_log::{reading_of, speaks_of_castai};
use crate::classify::kube_text;
use crate::classify::reading::Reading;
use crate::classify::rule::contains_any;

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
    let text = entry.text();
    let reading = reading_of(&entry, &text);
    LogLine {
        reading,
        about: reading
            .mode()
            .map_or(Peer::Itself, |mode| about(mode, &text)),
        sign: sign(&text),
        lasts: text.contains("failed to determine node lifecycle"),
        delivery: text.contains("failed sending delta"),
        words: text,
    }
}

fn sign(text: &str) -> Option<Liveness> {
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

fn about(mode: FailureMode, text: &str) -> Peer {
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
