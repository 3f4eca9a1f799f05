//! Multi-window, multi-burn-rate alerts on the error budget of the checks with an objective.

use std::time::Duration;

use crate::alerting::generator_options::GeneratorOptions;
use crate::alerting::rules::exporter::alert_rule;
use crate::alerting::rules::group::{EVALUATION_INTERVAL, Group, Rule, severity_label};
use crate::alerting::time_scale::TimeScale;
use crate::catalogue::exporter_alert::{SLO_CHECKS, SLO_TARGET};
use crate::catalogue::{ExporterAlert, Severity};

const MINUTE: Duration = Duration::from_mins(1);

/// Ratio of failed attempts over the time in the label `window`.
pub const ERROR_RATIO: &str =
    "cluster_namespace_check:castai_health_check_failures_per_attempt:ratio";

/// Windows of the recorded ratios; averages over these give the longer ones. Attempts are regular, so
/// the average of ratios is the ratio.
const RECORDED: [Duration; 2] = [Duration::from_mins(5), Duration::from_mins(30)];

/// Without history a failure exceeds every window at once; alerts that name the cause fire first.
const AFTER_CAUSE_ALERTS: Duration = Duration::from_mins(12);

/// A row of the burn-rate table in Google's SRE workbook.
struct BurnRate {
    severity: Severity,
    long: Duration,
    short: Duration,
    factor: f64,
    for_duration: Duration,
}

const BURN_RATES: [BurnRate; 3] = [
    BurnRate {
        severity: Severity::Critical,
        long: Duration::from_hours(1),
        short: Duration::from_mins(5),
        factor: 14.4,
        for_duration: AFTER_CAUSE_ALERTS,
    },
    BurnRate {
        severity: Severity::Critical,
        long: Duration::from_hours(6),
        short: Duration::from_mins(30),
        factor: 6.0,
        for_duration: Duration::from_mins(15),
    },
    BurnRate {
        severity: Severity::Warning,
        long: Duration::from_hours(24),
        short: Duration::from_hours(2),
        factor: 3.0,
        for_duration: Duration::from_hours(1),
    },
];

/// Returns the group `slo`.
pub fn group(settings: &GeneratorOptions<'_>) -> Group {
    let time_scale = settings.time_scale;
    let checks: Vec<&str> = SLO_CHECKS.iter().map(|check| check.label()).collect();
    let checks = checks.join("|");
    let mut rules: Vec<Rule> = RECORDED
        .iter()
        .map(|window| ratio(&checks, &time_scale.format(*window)))
        .collect();
    for burn in &BURN_RATES {
        let (long, short) = (time_scale.format(burn.long), time_scale.format(burn.short));
        let limit = burn.factor * (1.0 - SLO_TARGET);
        let over = |window: Duration| format!("{} > {limit:.3}", average(window, time_scale));
        let explained = time_scale.format(burn.short.max(MINUTE * 10));
        let expr = format!(
            "(\n  {}\n  and\n  {}\n)\nunless on (cluster, namespace, check)\n  \
             max_over_time(ALERTS{{alertname=~\"Castai.+\", alertstate=\"firing\", mode!=\"\"}}[{explained}])\n\
             unless on (cluster, namespace, check)\n  \
             max_over_time(castai_health_failure{{check=~\"{checks}\", caused_by!=\"\"}}[{explained}])",
            over(burn.long),
            over(burn.short),
        );
        let labels = vec![
            severity_label(burn.severity),
            ("long", long),
            ("short", short),
        ];
        let mut alert = alert_rule(ExporterAlert::ErrorBudgetBurn, expr, labels, settings);
        alert.for_duration = burn.for_duration;
        rules.push(Rule::Alert(alert));
    }
    Group {
        name: "slo".to_owned(),
        interval: EVALUATION_INTERVAL,
        rules,
    }
}

/// Records the ratio of failed attempts within a window.
fn ratio(checks: &str, window: &str) -> Rule {
    let sum = |counted: &str| {
        format!(
            "sum by (cluster, namespace, check) (increase(castai_health_check_{counted}_total{{check=~\"{checks}\"}}[{window}]))"
        )
    };
    Rule::Record {
        name: ERROR_RATIO.to_owned(),
        labels: vec![("window", window.to_owned())],
        expr: format!("{}\n/ ({} > 0)", sum("failures"), sum("attempts")),
    }
}

/// Returns the ratio within a window as the average of recorded ones.
fn average(window: Duration, time_scale: TimeScale) -> String {
    let recorded = if window < Duration::from_hours(6) && window != RECORDED[1] {
        RECORDED[0]
    } else {
        RECORDED[1]
    };
    let step = time_scale.format(recorded);
    let series = format!("{ERROR_RATIO}{{window=\"{step}\"}}");
    let window_text = time_scale.format(window);
    let averaged = if window == recorded {
        series
    } else {
        format!("avg_over_time({series}[{window_text}:{step}])")
    };
    format!("max by (cluster, namespace, check) ({averaged})")
}
