//! Statuses and severities as panels show them: words, colours and queries.

use crate::catalogue::Status;

/// A status as a number, for bars over time: the worse the higher.
pub(super) fn status_code(status: Status) -> u8 {
    match status {
        Status::NotApplicable => 0,
        Status::Ok => 1,
        Status::Unknown => 2,
        Status::Warning => 3,
        Status::Failing => 4,
    }
}

/// The worst status, by these labels.
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

/// Words and colours of [`worst_status`].
pub(super) const STATUS_WORDS: &[(u8, &str, &str)] = &[
    (0, "not applicable", "#5f6368"),
    (1, "ok", "green"),
    (2, "unknown", "blue"),
    (3, "warning", "orange"),
    (4, "failing", "red"),
];

/// How bad an alert is, in its colour.
pub(super) const SEVERITY_COLOURS: &[(&str, &str)] =
    &[("critical", "red"), ("warning", "orange"), ("info", "blue")];
