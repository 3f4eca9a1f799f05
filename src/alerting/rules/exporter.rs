//! Alerts that belong to no single failure mode: about the exporter itself and missing results.

use std::time::Duration;

use crate::alerting::generator_options::GeneratorOptions;
use crate::alerting::rules::description::PLACE;
use crate::alerting::rules::group::{
    AlertRule, EVALUATION_INTERVAL, Group, KEEP_FIRING_FOR, Rule, escape_template, runbook,
    severity_label,
};
use crate::alerting::time_scale::TimeScale;
use crate::alerting::vantages::{IN_COMPANION, check_command};
use crate::catalogue::ExporterAlert;

/// Labels of one exporter.
const EXPORTER: &str = "cluster, namespace, job, instance";

/// Returns the group `exporter`.
pub fn group(settings: &GeneratorOptions<'_>) -> Group {
    Group {
        name: "exporter".to_owned(),
        interval: EVALUATION_INTERVAL,
        rules: rules(settings, |alert| !alert.is_optional()),
    }
}

/// Returns the group `optional`: alerts that users switch on themselves.
pub fn optional(settings: &GeneratorOptions<'_>) -> Group {
    Group {
        name: "optional".to_owned(),
        interval: EVALUATION_INTERVAL,
        rules: rules(settings, ExporterAlert::is_optional),
    }
}

fn rules(settings: &GeneratorOptions<'_>, wanted: impl Fn(ExporterAlert) -> bool) -> Vec<Rule> {
    let rule = |alert: ExporterAlert| {
        let expr = expression(alert, settings.time_scale)?;
        let labels = vec![severity_label(alert.entry().severity)];
        Some(Rule::Alert(alert_rule(alert, expr, labels, settings)))
    };
    let all = ExporterAlert::ALL.iter().copied();
    all.filter(|alert| wanted(*alert))
        .filter_map(rule)
        .collect()
}

/// Returns the expression of an alert; `None` if the alert has several rules.
fn expression(alert: ExporterAlert, time_scale: TimeScale) -> Option<String> {
    let of = |minutes: u64| time_scale.format(Duration::from_mins(minutes));
    let by_check = "max by (cluster, namespace, check)";
    Some(match alert {
        ExporterAlert::Watchdog => "vector(1)".to_owned(),
        ExporterAlert::SameRootInManyClusters => {
            "count by (check, mode) (\n  group by (cluster, check, mode) (castai_health_failure{caused_by=\"\", severity=\"critical\"})\n) >= 10".to_owned()
        }
        ExporterAlert::ExporterAbsent => absent("cluster, namespace", time_scale),
        // While the agent does not run, which is another alert, its pods have no sidecar.
        ExporterAlert::VantageAbsent => format!(
            "{}\nand on (cluster, namespace)\ngroup by (cluster, namespace) (castai_health_exporter_info)\n\
             unless on (cluster, namespace)\n  max_over_time(castai_health_failure{{check=\"agent_workload\", severity=\"critical\"}}[{}])",
            absent("cluster, namespace, vantage", time_scale),
            of(10)
        ),
        ExporterAlert::SidecarMissing => {
            "max by (cluster, namespace) (castai_health_agent_pods{exporter=\"missing\"}) > 0".to_owned()
        }
        ExporterAlert::CheckFailing => format!(
            "{by_check} (castai_health_failure{{severity=\"critical\", caused_by=\"\"}}) == 1\n\
             unless on (cluster, namespace)\n  ALERTS{{alertname=~\"Castai.+\", alertstate=\"firing\", severity=\"critical\", mode!=\"\"}}"
        ),
        ExporterAlert::CheckUnknown => {
            format!("{by_check} (castai_health_check_unknown{{caused_by=\"\"}}) == 1")
        }
        ExporterAlert::CheckStalled => {
            format!("{by_check} (castai_health_check_stalled) == 1")
        }
        ExporterAlert::CheckPanicked => format!(
            "{by_check} (\n  castai_health_check_panics_total > 0\n  \
             unless castai_health_check_panics_total <= castai_health_check_panics_total offset {}\n) > 0",
            of(15)
        ),
        ExporterAlert::ExporterThrottled => format!(
            "max by (cluster, namespace, check) (\n  rate(castai_health_check_throttled_total[{}])\n  \
             * on ({EXPORTER}, check) castai_health_check_interval_seconds\n) > 0.5",
            of(15)
        ),
        ExporterAlert::ReloadFailed => {
            "max by (cluster, namespace) (castai_health_config_last_reload_successful == bool 0) == 1".to_owned()
        }
        ExporterAlert::UnclassifiedLines => format!(
            "sum by (cluster, namespace, source) (increase(castai_health_unclassified_lines_total[{}])) > 0",
            of(60)
        ),
        ExporterAlert::CertificateExpiring => format!(
            "{by_check} (castai_health_tls_certificate_not_after_timestamp_seconds - time() > 0) < 7 * 86400"
        ),
        ExporterAlert::ErrorBudgetBurn => return None,
    })
}

/// Selects exporters that were scraped within a day, but not within ten minutes.
fn absent(by: &str, time_scale: TimeScale) -> String {
    let present = |window: Duration| {
        format!(
            "group by ({by}) (present_over_time(castai_health_exporter_info[{}]))",
            time_scale.format(window)
        )
    };
    format!(
        "{}\nunless\n{}",
        present(Duration::from_hours(24)),
        present(Duration::from_mins(10))
    )
}

/// Returns the rule of an alert with this expression and these labels.
pub(super) fn alert_rule(
    alert: ExporterAlert,
    expr: String,
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
    let mut annotations = vec![
        ("summary", escape_template(entry.summary)),
        ("description", description(alert, &value)),
    ];
    let nobody_to_ask = alert.is_optional() || alert == ExporterAlert::ExporterAbsent;
    annotations.push(if nobody_to_ask && settings.runbook_base.is_empty() {
        (
            "runbook",
            format!("castai-health-exporter explain {}", entry.name),
        )
    } else {
        runbook(settings.runbook_base, entry.name, "")
    });
    AlertRule {
        name: entry.name,
        labels,
        expr,
        for_duration: entry.for_duration,
        keep_firing_for: keep_firing_for(alert),
        annotations,
    }
}

/// Returns how long an alert keeps firing after its expression stopped matching.
fn keep_firing_for(alert: ExporterAlert) -> Duration {
    match alert {
        ExporterAlert::Watchdog | ExporterAlert::CheckPanicked => Duration::ZERO,
        _ => KEEP_FIRING_FOR,
    }
}

fn description(alert: ExporterAlert, label: &dyn Fn(&str) -> String) -> String {
    let entry = alert.entry();
    let meaning = filled(entry.meaning, label);
    let impact = escape_template(entry.impact);
    if alert.is_optional() {
        let command = escape_template(entry.diagnosis[0]);
        return format!("{meaning}\n{impact} Evidence:\n{command}");
    }
    let command = evidence_command(entry.diagnosis[0]);
    format!("{meaning}\n{impact} {PLACE} Evidence:\n{command}")
}

/// Returns a command of the runbook with the labels of the alert filled in.
fn evidence_command(command: &str) -> String {
    if command.starts_with("castai-health-exporter check") {
        return check_command(false);
    }
    let namespace = "-n {{ $labels.namespace }}";
    let command = escape_template(command).replace("-n castai-agent", namespace);
    match command.strip_prefix("castai-health-exporter ") {
        Some(arguments) => format!("{IN_COMPANION} {arguments}"),
        None => command,
    }
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
