//! Statuses and phases as panels show them: words, colours and queries.

use crate::catalogue::{Phase, Status};

/// Returns a status as a number that grows with severity, for state timelines.
pub(super) fn status_code(status: Status) -> u8 {
    match status {
        Status::NotApplicable => 0,
        Status::Ok => 1,
        Status::Unknown => 2,
        Status::Warning => 3,
        Status::Failing => 4,
    }
}

/// Returns the query for the worst status by these labels.
pub(super) fn worst_status(by: &str, selected: &str) -> String {
    let terms: Vec<String> = Status::ALL
        .iter()
        .map(|status| {
            format!(
                "{} * castai_health_check_status{{{selected},status=\"{status}\"}}",
                status_code(*status)
            )
        })
        .collect();
    format!("max by ({by}) ({})", terms.join(" + ignoring (status) "))
}

/// Texts and colours of [`worst_status`].
pub(super) const STATUS_MAPPINGS: &[(u8, &str, &str)] = &[
    (0, "not applicable", "#5f6368"),
    (1, "ok", "green"),
    (2, "unknown", "blue"),
    (3, "warning", "orange"),
    (4, "failing", "red"),
];

/// Returns a fixed colour per phase.
pub(super) fn phase_colours() -> Vec<(&'static str, &'static str)> {
    let colour = |phase: Phase| match phase {
        Phase::Resolve => "blue",
        Phase::Connect => "green",
        Phase::Proxy => "purple",
        Phase::Tls => "orange",
        Phase::Request => "yellow",
    };
    Phase::ALL
        .iter()
        .map(|phase| (phase.label(), colour(*phase)))
        .collect()
}
