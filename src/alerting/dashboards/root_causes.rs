//! Root causes as panels show them: words, colours and queries.

use crate::catalogue::Severity;

/// Returns a severity as a number that grows with urgency, for timelines and for sorting.
pub(super) const fn severity_code(severity: Severity) -> u8 {
    match severity {
        Severity::None => 0,
        Severity::Info => 1,
        Severity::Warning => 2,
        Severity::Critical => 3,
    }
}

/// Texts and colours of [`roots`].
pub(super) const SEVERITY_WORDS: &[(u8, &str, &str)] = &[
    (3, "critical", "red"),
    (2, "warning", "orange"),
    (1, "info", "blue"),
];

/// Texts and colours of [`roots_and_consequences`].
pub(super) const FAILURE_WORDS: &[(u8, &str, &str)] = &[
    (3, "critical", "red"),
    (2, "warning", "orange"),
    (1, "info", "blue"),
    (0, "consequence", "#5f6368"),
];

/// Returns the query for the severity of each root cause. If several exporters see it, the highest
/// severity counts.
pub(super) fn roots(by: &str, selected: &str) -> String {
    format!("max by ({by}) ({})", root_codes(selected, ""))
}

/// Returns the query for the severity of each root cause at the end of the dashboard's time range.
pub(super) fn roots_at_end(by: &str, selected: &str) -> String {
    format!("max by ({by}) ({})", root_codes(selected, " @ end()"))
}

/// Returns the query for the severity of each root cause, and 0 for each consequence of another.
pub(super) fn roots_and_consequences(by: &str, selected: &str) -> String {
    format!(
        "max by ({by}) ({} or 0 * castai_health_failure{{{selected},caused_by!=\"\"}})",
        root_codes(selected, "")
    )
}

/// Returns the query for the severity of each firing alert.
pub(super) fn alerts(by: &str, selected: &str) -> String {
    let firing = format!("alertname=~\"Castai.+\",alertstate=\"firing\",{selected}");
    format!("max by ({by}) ({})", codes("ALERTS", &firing, ""))
}

fn root_codes(selected: &str, at: &str) -> String {
    let roots = format!("{selected},caused_by=\"\"");
    codes("castai_health_failure", &roots, at)
}

/// Returns an expression for the severities of series whose value is 1.
fn codes(metric: &str, selected: &str, at: &str) -> String {
    let terms: Vec<String> = Severity::OF_FAILURES
        .iter()
        .map(|severity| {
            format!(
                "{} * {metric}{{{selected},severity=\"{}\"}}{at}",
                severity_code(*severity),
                severity.label()
            )
        })
        .collect();
    terms.join(" or ")
}
