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

/// Returns the query for the start of each root cause, in Unix milliseconds.
pub(super) fn root_starts(selected: &str) -> String {
    starts_of("check", selected, selected)
}

/// The same for every cluster. Only failures have the label `severity`, so `exporters` selects
/// without it.
pub(super) fn root_starts_by_cluster(selected: &str, exporters: &str) -> String {
    starts_of("cluster, check", selected, exporters)
}

fn starts_of(of_check: &str, selected: &str, exporters: &str) -> String {
    let starts = format!(
        "min by ({of_check}) (1000 * castai_health_check_episode_start_timestamp_seconds{{{exporters}}})"
    );
    for_each_root(of_check, selected, &starts)
}

/// Returns the query for the number of other checks that each root cause affects.
pub(super) fn affected_checks(selected: &str) -> String {
    let caused = ["castai_health_failure", "castai_health_check_unknown"].map(|metric| {
        format!("group by (caused_by, check) ({metric}{{{selected},caused_by!=\"\"}})")
    });
    let count = format!("count by (caused_by) ({})", caused.join(" or "));
    let of_each = for_each_root(
        "check",
        selected,
        &format!("label_replace({count}, \"check\", \"$1\", \"caused_by\", \"(.+)\")"),
    );
    format!("{of_each} or 0 * {}", roots("check, mode", selected))
}

/// Returns a query with the value of its check for each root cause.
fn for_each_root(of_check: &str, selected: &str, value: &str) -> String {
    let each = roots(&format!("{of_check}, mode"), selected);
    format!("0 * {each} + on ({of_check}) group_left () sum by ({of_check}) ({value})")
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
