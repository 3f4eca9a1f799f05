//! Alerts that belong to no single failure mode.

use std::time::Duration;

use crate::alerting::generator_options::GeneratorOptions;
use crate::alerting::rules::group::{
    AlertRule, Group, KEEP_FIRING_FOR, Rule, escape_template, severity_label,
};
use crate::alerting::time_scale::TimeScale;
use crate::catalogue::{ExporterAlert, metric};

const MINUTE: Duration = Duration::from_mins(1);

/// Returns the group `exporter`.
pub fn group(settings: &GeneratorOptions<'_>) -> Group {
    let rule = |alert: &ExporterAlert| {
        let (expr, window) = expression(*alert, settings.time_scale)?;
        let labels = vec![severity_label(alert.entry().severity)];
        Some(Rule::Alert(alert_rule(
            *alert, expr, window, labels, settings,
        )))
    };
    Group {
        name: "exporter".to_owned(),
        rules: ExporterAlert::ALL.iter().filter_map(rule).collect(),
    }
}

/// Returns the expression of an alert and the longest range in it; `None` if its metric is not
/// published or the alert has several rules.
fn expression(alert: ExporterAlert, time_scale: TimeScale) -> Option<(String, Duration)> {
    let window = |minutes: u32| MINUTE * minutes;
    let of = |minutes: u32| time_scale.format(window(minutes));
    let by_check = "max by (cluster, namespace, check)";
    let (expr, minutes) = match alert {
        ExporterAlert::Watchdog => ("vector(1)".to_owned(), 0),
        ExporterAlert::ExporterAbsent => (absent("cluster, namespace", "", time_scale), 10),
        ExporterAlert::VantageAbsent => (
            absent(
                "cluster, namespace, vantage",
                &format!(
                    "\nand on (cluster, namespace) group by (cluster, namespace) (present_over_time(castai_health_exporter_info[{}]))",
                    of(10)
                ),
                time_scale,
            ),
            10,
        ),
        ExporterAlert::ExporterDown => (
            format!(
                "max by (cluster, namespace, job) (max_over_time(up{{job=~\".*castai-health.*\"}}[{}])) == 0",
                of(5)
            ),
            5,
        ),
        ExporterAlert::SidecarMissing => (
            format!(
                "max by (cluster, namespace) (min_over_time(castai_health_agent_pods{{exporter=\"missing\"}}[{}])) > 0",
                of(5)
            ),
            5,
        ),
        ExporterAlert::CheckFailing => (
            format!(
                "{by_check} (\n  max_over_time(castai_health_check_status{{status=\"failing\"}}[{of}])\n  \
                 and on (cluster, namespace, job, instance, check) castai_health_check_need{{need=\"start\"}} == 1\n) == 1\n\
                 unless on (cluster, namespace)\n  max_over_time(ALERTS{{alertname=~\"Castai.+\",alertstate=\"firing\",mode!=\"\"}}[{of}])",
                of = of(3)
            ),
            0,
        ),
        // Instant vectors: ranges over every check of a fleet take seconds to evaluate.
        ExporterAlert::CheckUnknown => (
            format!(
                "{by_check} (\n  castai_health_check_status{{status=\"unknown\"}}\n  \
                 unless on (cluster, namespace, job, instance, check) castai_health_check_need{{need=\"none\"}} == 1\n) == 1"
            ),
            0,
        ),
        ExporterAlert::CheckStalled => (stalled(by_check), 0),
        ExporterAlert::CheckPanicked => (
            format!(
                "sum by (cluster, namespace, check) (increase(castai_health_check_panics_total[{}])) > 0",
                of(15)
            ),
            0,
        ),
        ExporterAlert::ExporterThrottled => {
            let rate = |metric: &str| {
                format!(
                    "sum by (cluster, namespace, check) (rate({metric}[{}]))",
                    of(15)
                )
            };
            let attempts = rate("castai_health_check_attempts_total");
            let throttled = rate("castai_health_check_throttled_total");
            (format!("{throttled} / ({attempts} > 0) > 0.5"), 15)
        }
        ExporterAlert::ReloadFailed => (
            format!(
                "max by (cluster, namespace) (max_over_time(castai_health_config_last_reload_successful[{}])) == 0",
                of(5)
            ),
            5,
        ),
        ExporterAlert::UnclassifiedLines => {
            metric::by_name("unclassified_lines_total")?;
            (
                format!(
                    "sum by (cluster, namespace, source) (increase(castai_health_unclassified_lines_total[{}])) > 0",
                    of(60)
                ),
                0,
            )
        }
        ExporterAlert::CertificateExpiring => (
            format!(
                "{by_check} (\n  last_over_time(castai_health_tls_certificate_not_after_timestamp_seconds[{}]) - time() < 7 * 86400 > 0\n)",
                of(15)
            ),
            0,
        ),
        ExporterAlert::ErrorBudgetBurn => return None,
    };
    Some((expr, window(minutes)))
}

/// Compares with the exporter's other checks, so that only its own clock matters.
fn stalled(by_check: &str) -> String {
    let exporter = "cluster, namespace, job, instance";
    format!(
        "{by_check} (\n  \
           (\n    \
             max by ({exporter}) (castai_health_check_last_attempt_timestamp_seconds)\n    \
             - on ({exporter}) group_right () castai_health_check_last_attempt_timestamp_seconds\n  \
           )\n  \
           > on ({exporter}, check) clamp_min(10 * castai_health_check_interval_seconds, 900)\n  \
           unless on ({exporter}, check) castai_health_check_status{{status=~\"unknown|not_applicable\"}} == 1\n\
         )"
    )
}

/// Selects exporters seen within a day, but not within ten minutes, that have no scrape target.
fn absent(by: &str, and: &str, time_scale: TimeScale) -> String {
    let present = |within: u32| {
        format!(
            "group by ({by}) (present_over_time(castai_health_exporter_info[{}]))",
            time_scale.format(MINUTE * within)
        )
    };
    format!(
        "(\n  {}\n  unless on ({by})\n  {}\n  unless on (cluster, namespace)\n  group by (cluster, namespace) (up{{job=~\".*castai-health.*\"}} == 0)\n){and}",
        present(24 * 60),
        present(10)
    )
}

/// Returns the rule of an alert with this expression and these labels.
pub(super) fn alert_rule(
    alert: ExporterAlert,
    expr: String,
    window: Duration,
    labels: Vec<(&'static str, String)>,
    settings: &GeneratorOptions<'_>,
) -> AlertRule {
    let entry = alert.entry();
    // Templates see the labels of the series, not those that the rule adds.
    let value = |label: &str| {
        let own = labels.iter().find(|(name, _)| *name == label);
        own.map_or_else(
            || format!("{{{{ $labels.{label} }}}}"),
            |(_, value)| value.clone(),
        )
    };
    let annotations = annotations(alert, &value, settings.runbook_base);
    AlertRule {
        name: entry.name,
        labels,
        expr,
        for_duration: entry.for_duration,
        keep_firing_for: keep_firing_for(alert),
        window,
        check: None,
        mode: None,
        annotations,
    }
}

/// Returns how long an alert keeps firing after its expression stopped matching.
fn keep_firing_for(alert: ExporterAlert) -> Duration {
    match alert {
        // A blocked check recovers after the check that blocked it, whose alert must last longer.
        ExporterAlert::CheckUnknown | ExporterAlert::Watchdog | ExporterAlert::CheckPanicked => {
            Duration::ZERO
        }
        _ => KEEP_FIRING_FOR,
    }
}

/// Returns the annotations of an alert with these label values.
pub fn annotations(
    alert: ExporterAlert,
    label: &dyn Fn(&str) -> String,
    runbook_base: &str,
) -> Vec<(&'static str, String)> {
    let entry = alert.entry();
    vec![
        ("summary", escape_template(entry.summary)),
        ("description", filled(entry.meaning, label)),
        ("impact", escape_template(entry.impact)),
        ("remedy", escape_template(entry.remedy)),
        ("runbook_url", format!("{runbook_base}/{}.md", entry.name)),
    ]
}

/// Replaces each `{label}` in a text.
fn filled(text: &str, label: &dyn Fn(&str) -> String) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, (name, after))) = rest
        .split_once('{')
        .and_then(|(before, from)| Some((before, from.split_once('}')?)))
    {
        filled.push_str(before);
        filled.push_str(&label(name));
        rest = after;
    }
    filled + rest
}
