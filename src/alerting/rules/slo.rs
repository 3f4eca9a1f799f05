//! Multi-window, multi-burn-rate alerts on the error budget of the checks with an objective.

use std::time::Duration;

use crate::alerting::generator_options::GeneratorOptions;
use crate::alerting::rules::exporter::alert_rule;
use crate::alerting::rules::group::{Group, Rule, severity_label};
use crate::alerting::time_scale::TimeScale;
use crate::catalogue::exporter_alert::{SLO_CHECKS, SLO_TARGET};
use crate::catalogue::{ExporterAlert, Severity};

const MINUTE: Duration = Duration::from_mins(1);

/// Ratio of failed attempts over the time in the label `window`.
pub const ERROR_RATIO: &str =
    "cluster_namespace_check:castai_health_check_failures_per_attempt:ratio";

/// Windows read from the counters; longer ones are sums of these, which keeps evaluation cheap.
const COUNTER_WINDOWS: [Duration; 2] = [Duration::from_mins(5), Duration::from_mins(30)];

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

const BURN_RATES: [BurnRate; 4] = [
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
    BurnRate {
        severity: Severity::Warning,
        long: Duration::from_hours(72),
        short: Duration::from_hours(6),
        factor: 1.0,
        for_duration: Duration::from_hours(3),
    },
];

/// Returns the group `slo`.
pub fn group(settings: &GeneratorOptions<'_>) -> Group {
    let time_scale = settings.time_scale;
    let checks: Vec<&str> = SLO_CHECKS.iter().map(|check| check.label()).collect();
    let checks = checks.join("|");
    let mut rules = Vec::new();
    for base in COUNTER_WINDOWS {
        for counted in ["attempts", "failures"] {
            let window = time_scale.format(base);
            rules.push(Rule::Record {
                name: increase_of(counted),
                labels: vec![("window", window.clone())],
                expr: format!(
                    "sum by (cluster, namespace, check) (increase(castai_health_check_{counted}_total{{check=~\"{checks}\"}}[{window}]))"
                ),
            });
        }
    }
    let mut windows: Vec<Duration> = BURN_RATES
        .iter()
        .flat_map(|burn| [burn.long, burn.short])
        .collect();
    windows.sort_unstable();
    windows.dedup();
    rules.extend(windows.into_iter().map(|window| ratio(window, time_scale)));
    for burn in &BURN_RATES {
        let (long, short) = (time_scale.format(burn.long), time_scale.format(burn.short));
        let limit = burn.factor * (1.0 - SLO_TARGET);
        let over = |window: &str| {
            format!(
                "max by (cluster, namespace, check) ({ERROR_RATIO}{{window=\"{window}\"}}) > {limit:.3}"
            )
        };
        let expr = format!(
            "(\n  {}\n  and\n  {}\n)\nunless on (cluster, namespace, check)\n  \
             max_over_time(ALERTS{{alertname=~\"Castai.+\",alertstate=\"firing\",mode!=\"\"}}[{}])",
            over(&long),
            over(&short),
            time_scale.format(burn.short.max(MINUTE * 10))
        );
        let labels = vec![
            severity_label(burn.severity),
            ("long", long),
            ("short", short),
        ];
        let mut alert = alert_rule(
            ExporterAlert::ErrorBudgetBurn,
            expr,
            Duration::ZERO,
            labels,
            settings,
        );
        alert.for_duration = burn.for_duration;
        rules.push(Rule::Alert(alert));
    }
    Group {
        name: "slo".to_owned(),
        rules,
    }
}

fn increase_of(counted: &str) -> String {
    format!("cluster_namespace_check:castai_health_check_{counted}:increase")
}

/// Returns the ratio of failed attempts within a window.
fn ratio(window: Duration, time_scale: TimeScale) -> Rule {
    let base = if window < Duration::from_hours(6) {
        COUNTER_WINDOWS[0]
    } else {
        COUNTER_WINDOWS[1]
    };
    let base = if window == COUNTER_WINDOWS[1] {
        window
    } else {
        base
    };
    let step = time_scale.format(base);
    let sum = |counted: &str| {
        let steps = format!("{}{{window=\"{step}\"}}", increase_of(counted));
        let sum = if window == base {
            steps
        } else {
            format!(
                "sum_over_time({steps}[{}:{step}])",
                time_scale.format(window)
            )
        };
        format!("sum by (cluster, namespace, check) ({sum})")
    };
    Rule::Record {
        name: ERROR_RATIO.to_owned(),
        labels: vec![("window", time_scale.format(window))],
        expr: format!("{}\n/\n({} > 0)", sum("failures"), sum("attempts")),
    }
}
