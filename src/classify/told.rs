//! A line as one who follows a log needs it: what it says, about whom, and signs that the agent works.

use super::agent_log::format::Entry;
use super::agent_log::{reading_of, speaks_of_castai};
use super::{Reading, contains_any, kube_text};
use crate::catalogue::FailureMode;

/// A line of the log of one of CAST AI's components.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// What it says.
    pub reading: Reading,
    /// Whom a fault is about.
    pub about: About,
    /// A sign that the agent works.
    pub sign: Option<Sign>,
    /// The fault is told once and lasts until something refutes it.
    pub lasts: bool,
    /// It is about a delta, which is sent again until it arrives.
    pub delivery: bool,
    /// The message without time, level and fields.
    pub words: String,
}

/// Whom a fault is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum About {
    /// The API server.
    Kubernetes,
    /// CAST AI.
    Castai,
    /// AWS, or the metadata of another cloud.
    Cloud,
    /// The component itself: its settings, its ports, its pod.
    Itself,
}

/// A sign that the agent works.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sign {
    /// A delta arrived.
    Delivered,
    /// It lives, and another instance leads.
    Follows,
}

/// Reads a line of a log.
pub fn log_line(line: &str) -> LogLine {
    let entry = Entry::parse(line);
    let text = entry.text();
    let reading = reading_of(&entry, &text);
    LogLine {
        reading,
        about: reading
            .mode()
            .map_or(About::Itself, |mode| about(mode, &text)),
        sign: sign(&text),
        lasts: text.contains("failed to determine node lifecycle"),
        delivery: text.contains("failed sending delta"),
        words: text,
    }
}

fn sign(text: &str) -> Option<Sign> {
    // Agents up to v0.23 wrote `delta with items[3] sent, response_code=204`.
    if text.contains("delta upload finished")
        || text.contains("delta with items[") && text.contains("response_code=2")
    {
        Some(Sign::Delivered)
    } else if text.contains("Not a leader, skipping sending deltas") {
        Some(Sign::Follows)
    } else {
        None
    }
}

fn about(mode: FailureMode, text: &str) -> About {
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
        About::Castai
    } else if starts(&["k8s_"]) {
        About::Kubernetes
    } else if starts(&["aws_", "ec2_", "gcp_", "azure_"])
        || mode == FailureMode::MetadataUnresolvable
    {
        // What the agent is not told is what the metadata did not tell it.
        About::Cloud
    } else if !starts(&["net_", "tls_", "proxy_", "http_"]) {
        About::Itself
    } else if contains_any(text, CLOUD) {
        About::Cloud
    } else if speaks_of_castai(text) {
        About::Castai
    } else if kube_text::speaks_of_kubernetes(text) || text.contains("Get \"https://") {
        About::Kubernetes
    } else {
        About::Itself
    }
}
