//! The rules of the alerts that belong to no single failure mode.

use std::time::Duration;

use crate::catalogue::own_alerts::{OBJECTIVE, OBJECTIVES};
use crate::catalogue::{OwnAlert, Severity, metrics};
use crate::generate::rule::{Alerting, Group, Rule, severity_label};
use crate::generate::rules::{KEEP, Settings, literal};
use crate::generate::tempo::Tempo;

const MINUTE: Duration = Duration::from_mins(1);

/// A share of failed attempts over some time; the label `window` names the time.
pub const ERROR_RATIO: &str =
    "cluster_namespace_check:castai_health_check_failures_per_attempt:ratio";

/// The windows that are read from the counters themselves; the longer ones are sums of these, so that a fleet's
/// evaluation stays cheap.
const BASES: [Duration; 2] = [Duration::from_mins(5), Duration::from_mins(30)];

/// Where there is no history yet, a fault exceeds every window at once; whoever can name its cause comes first.
const AFTER_EVERY_CAUSE: Duration = Duration::from_mins(12);

/// One row of the burn-rate table of Google's SRE workbook.
struct Burn {
    severity: Severity,
    long: Duration,
    short: Duration,
    factor: f64,
    patience: Duration,
}

const BURNS: [Burn; 4] = [
    Burn {
        severity: Severity::Critical,
        long: Duration::from_hours(1),
        short: Duration::from_mins(5),
        factor: 14.4,
        patience: AFTER_EVERY_CAUSE,
    },
    Burn {
        severity: Severity::Critical,
        long: Duration::from_hours(6),
        short: Duration::from_mins(30),
        factor: 6.0,
        patience: Duration::from_mins(15),
    },
    Burn {
        severity: Severity::Warning,
        long: Duration::from_hours(24),
        short: Duration::from_hours(2),
        factor: 3.0,
        patience: Duration::from_hours(1),
    },
    Burn {
        severity: Severity::Warning,
        long: Duration::from_hours(72),
        short: Duration::from_hours(6),
        factor: 1.0,
        patience: Duration::from_hours(3),
    },
];

/// The groups `exporter` and `slo`.
pub fn groups(settings: &Settings<'_>) -> [Group; 2] {
    let plain = |alert: &OwnAlert| {
        let (expr, window) = expression(*alert, settings.tempo)?;
        Some(Rule::Alert(of(
            *alert,
            expr,
            window,
            vec![severity_label(alert.entry().severity)],
            settings,
        )))
    };
    let exporter = Group {
        name: "exporter".to_owned(),
        rules: OwnAlert::ALL.iter().filter_map(plain).collect(),
    };
    [exporter, slo(settings)]
}

/// What the alert fires for, and how far back it looks; none where its metric is not published, or it has several rules.
fn expression(alert: OwnAlert, tempo: Tempo) -> Option<(String, Duration)> {
    let window = |minutes: u32| MINUTE * minutes;
    let of = |minutes: u32| tempo.of(window(minutes));
    let by_check = "max by (cluster, namespace, check)";
    let (expr, minutes) = match alert {
        OwnAlert::Watchdog => ("vector(1)".to_owned(), 0),
        OwnAlert::Silent => (silent("cluster, namespace", "", tempo), 10),
        OwnAlert::VantageSilent => (
            silent(
                "cluster, namespace, vantage",
                &format!(
                    "\nand on (cluster, namespace) group by (cluster, namespace) (present_over_time(castai_health_exporter_info[{}]))",
                    of(10)
                ),
                tempo,
            ),
            10,
        ),
        OwnAlert::ExporterDown => (
            format!(
                "max by (cluster, namespace, job) (max_over_time(up{{job=~\".*castai-health.*\"}}[{}])) == 0",
                of(5)
            ),
            5,
        ),
        OwnAlert::SidecarMissing => (
            format!(
                "max by (cluster, namespace) (min_over_time(castai_health_agent_pods{{exporter=\"missing\"}}[{}])) > 0",
                of(5)
            ),
            5,
        ),
        OwnAlert::CheckFailing => (
            format!(
                "{by_check} (\n  max_over_time(castai_health_check_status{{status=\"failing\"}}[{of}])\n  \
                 and on (cluster, namespace, job, instance, check) castai_health_check_need{{need=\"start\"}} == 1\n) == 1\n\
                 unless on (cluster, namespace)\n  max_over_time(ALERTS{{alertname=~\"Castai.+\",alertstate=\"firing\",mode!=\"\"}}[{of}])",
                of = of(3)
            ),
            0,
        ),
        // Each is of one moment, because a window over every check of a fleet costs seconds.
        OwnAlert::CheckUnknown => (
            format!(
                "{by_check} (\n  castai_health_check_status{{status=\"unknown\"}}\n  \
                 unless on (cluster, namespace, job, instance, check) castai_health_check_need{{need=\"none\"}} == 1\n) == 1"
            ),
            0,
        ),
        OwnAlert::CheckStalled => (stalled(by_check), 0),
        OwnAlert::CheckPanicked => (
            format!(
                "sum by (cluster, namespace, check) (increase(castai_health_check_panics_total[{}])) > 0",
                of(15)
            ),
            0,
        ),
        OwnAlert::Disturbed => {
            let rate = |metric: &str| {
                format!(
                    "sum by (cluster, namespace, check) (rate({metric}[{}]))",
                    of(15)
                )
            };
            let attempts = rate("castai_health_check_attempts_total");
            let disturbed = rate("castai_health_check_disturbed_total");
            (format!("{disturbed} / ({attempts} > 0) > 0.5"), 15)
        }
        OwnAlert::ReloadFailed => (
            format!(
                "max by (cluster, namespace) (max_over_time(castai_health_config_last_reload_successful[{}])) == 0",
                of(5)
            ),
            5,
        ),
        OwnAlert::UnclassifiedLines => {
            metrics::named("unclassified_lines_total")?;
            (
                format!(
                    "sum by (cluster, namespace, source) (increase(castai_health_unclassified_lines_total[{}])) > 0",
                    of(60)
                ),
                0,
            )
        }
        OwnAlert::CertificateExpiring => (
            format!(
                "{by_check} (\n  last_over_time(castai_health_tls_certificate_not_after_timestamp_seconds[{}]) - time() < 7 * 86400 > 0\n)",
                of(15)
            ),
            0,
        ),
        OwnAlert::ErrorBudgetBurn => return None,
    };
    Some((expr, window(minutes)))
}

/// The exporter's other checks went on meanwhile: so its own clock is the measure, and no other.
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

/// Something was heard within a day and not within ten minutes; a job of ours that is still scraped speaks against it.
fn silent(by: &str, and: &str, tempo: Tempo) -> String {
    let present = |within: u32| {
        format!(
            "group by ({by}) (present_over_time(castai_health_exporter_info[{}]))",
            tempo.of(MINUTE * within)
        )
    };
    format!(
        "(\n  {}\n  unless on ({by})\n  {}\n  unless on (cluster, namespace)\n  group by (cluster, namespace) (up{{job=~\".*castai-health.*\"}} == 0)\n){and}",
        present(24 * 60),
        present(10)
    )
}

fn slo(settings: &Settings<'_>) -> Group {
    let tempo = settings.tempo;
    let checks: Vec<&str> = OBJECTIVES.iter().map(|check| check.label()).collect();
    let checks = checks.join("|");
    let mut rules = Vec::new();
    for base in BASES {
        for counted in ["attempts", "failures"] {
            let window = tempo.of(base);
            rules.push(Rule::Record {
                name: increase_of(counted),
                labels: vec![("window", window.clone())],
                expr: format!(
                    "sum by (cluster, namespace, check) (increase(castai_health_check_{counted}_total{{check=~\"{checks}\"}}[{window}]))"
                ),
            });
        }
    }
    let mut windows: Vec<Duration> = BURNS
        .iter()
        .flat_map(|burn| [burn.long, burn.short])
        .collect();
    windows.sort_unstable();
    windows.dedup();
    rules.extend(windows.into_iter().map(|window| ratio(window, tempo)));
    for burn in &BURNS {
        let (long, short) = (tempo.of(burn.long), tempo.of(burn.short));
        let limit = burn.factor * (1.0 - OBJECTIVE);
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
            tempo.of(burn.short.max(MINUTE * 10))
        );
        let labels = vec![
            severity_label(burn.severity),
            ("long", long),
            ("short", short),
        ];
        let mut alert = of(
            OwnAlert::ErrorBudgetBurn,
            expr,
            Duration::ZERO,
            labels,
            settings,
        );
        alert.patience = burn.patience;
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

/// The share of attempts that failed within a window.
fn ratio(window: Duration, tempo: Tempo) -> Rule {
    let base = if window < Duration::from_hours(6) {
        BASES[0]
    } else {
        BASES[1]
    };
    let base = if window == BASES[1] { window } else { base };
    let step = tempo.of(base);
    let sum = |counted: &str| {
        let steps = format!("{}{{window=\"{step}\"}}", increase_of(counted));
        let sum = if window == base {
            steps
        } else {
            format!("sum_over_time({steps}[{}:{step}])", tempo.of(window))
        };
        format!("sum by (cluster, namespace, check) ({sum})")
    };
    Rule::Record {
        name: ERROR_RATIO.to_owned(),
        labels: vec![("window", tempo.of(window))],
        expr: format!("{}\n/\n({} > 0)", sum("failures"), sum("attempts")),
    }
}

fn of(
    alert: OwnAlert,
    expr: String,
    window: Duration,
    labels: Vec<(&'static str, String)>,
    settings: &Settings<'_>,
) -> Alerting {
    let entry = alert.entry();
    // Templates see the labels of the series only, not those that the rule adds.
    let value = |label: &str| {
        let own = labels.iter().find(|(name, _)| *name == label);
        own.map_or_else(
            || format!("{{{{ $labels.{label} }}}}"),
            |(_, value)| value.clone(),
        )
    };
    let annotations = annotations(alert, &value, settings.runbook_base);
    Alerting {
        name: entry.name,
        labels,
        expr,
        patience: entry.patience,
        keep: keep(alert),
        window,
        check: None,
        mode: None,
        annotations,
    }
}

/// How long an alert goes on behind its end.
fn keep(alert: OwnAlert) -> Duration {
    match alert {
        // What was blocked for long is known again a little later than what blocked it, whose alert must outlast it.
        OwnAlert::CheckUnknown | OwnAlert::Watchdog | OwnAlert::CheckPanicked => Duration::ZERO,
        _ => KEEP,
    }
}

/// What people are told, with the values of its labels as given.
pub fn annotations(
    alert: OwnAlert,
    label: &dyn Fn(&str) -> String,
    runbook_base: &str,
) -> Vec<(&'static str, String)> {
    let entry = alert.entry();
    vec![
        ("summary", literal(entry.summary)),
        ("description", filled(entry.meaning, label)),
        ("impact", literal(entry.impact)),
        ("remedy", literal(entry.remedy)),
        ("runbook_url", format!("{runbook_base}/{}.md", entry.name)),
    ]
}

/// The text with each `{label}` replaced.
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
