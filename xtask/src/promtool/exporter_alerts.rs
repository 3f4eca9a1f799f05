//! Tests of the alerts that belong to no single failure mode.

use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::catalogue::{ExporterAlert, metric};

use crate::promtool::exporter_alert_test::{AGENT, ExporterAlertTest, Labels, TARGET};
use crate::promtool::test_case::{Firing, TestCase};

const MINUTE: Duration = Duration::from_mins(1);

/// Returns the test cases of the group `exporter`.
pub(super) fn exporter(settings: &GeneratorOptions<'_>) -> Vec<TestCase> {
    ExporterAlert::ALL
        .iter()
        .flat_map(|alert| test_cases(*alert, settings))
        .collect()
}

#[expect(clippy::too_many_lines, reason = "one arm per alert")]
fn test_cases(alert: ExporterAlert, settings: &GeneratorOptions<'_>) -> Vec<TestCase> {
    let test = |labels: Labels| ExporterAlertTest {
        alert,
        labels,
        settings,
    };
    let for_duration = alert.entry().for_duration;
    let info = |instance: &str, vantage: &str, values: String| {
        (
            format!(
                "castai_health_exporter_info{{{AGENT},job=\"castai-health-exporter\",instance=\"{instance}\",vantage=\"{vantage}\"}}"
            ),
            values,
        )
    };
    let check_series = |metric: &str, more: &str, values: &str| {
        (
            format!("{metric}{{{TARGET},check=\"apiserver\"{more}}}"),
            values.to_owned(),
        )
    };
    let need = || check_series("castai_health_check_need", ",need=\"start\"", "1x400");
    let checked: Labels = &[("check", "apiserver")];
    match alert {
        ExporterAlert::Watchdog => {
            let test = ExporterAlertTest {
                alert,
                labels: &[],
                settings,
            };
            let firing = Firing {
                labels: vec![("severity", "none".to_owned())],
                annotations: test.firing().annotations,
            };
            vec![test.case(
                "always fires",
                Vec::new(),
                vec![test.at(MINUTE, vec![firing])],
            )]
        }
        ExporterAlert::ExporterAbsent => {
            let gone = 10 * MINUTE;
            let test = test(&[]);
            let vanished = vec![info(
                "10.0.0.1:9878",
                "sidecar",
                "1x19 stale _x3000".to_owned(),
            )];
            let fires_at = gone + 10 * MINUTE + for_duration;
            let up = (format!("up{{{TARGET}}}"), "0x60".to_owned());
            let moved = vec![
                info("10.0.0.1:9878", "sidecar", "1x19 stale _x100".to_owned()),
                info("10.0.0.2:9878", "sidecar", "_x24 1x100".to_owned()),
            ];
            vec![
                test.case(
                    "fires when the sidecar disappears with the agent, and resolves after a day",
                    vanished.clone(),
                    vec![
                        test.at(fires_at.saturating_sub(MINUTE), vec![]),
                        test.at(fires_at + MINUTE, vec![test.firing()]),
                        test.at(Duration::from_hours(24) + 30 * MINUTE, vec![]),
                    ],
                ),
                test.case(
                    "is silent while the target exists but scrapes fail",
                    vec![vanished[0].clone(), up],
                    vec![test.at(fires_at + MINUTE, vec![])],
                ),
                test.case(
                    "is silent when the pod is replaced",
                    moved,
                    vec![test.at(fires_at + MINUTE, vec![])],
                ),
                test.case(
                    "is silent without an installation",
                    vec![],
                    vec![test.at(fires_at, vec![])],
                ),
            ]
        }
        ExporterAlert::VantageAbsent => {
            let test = test(&[("vantage", "sidecar")]);
            let series = |values: &str| {
                vec![
                    info("10.0.0.1:9878", "sidecar", values.to_owned()),
                    info("10.0.0.2:9878", "companion", "1x200".to_owned()),
                ]
            };
            let fires_at = 20 * MINUTE + for_duration;
            vec![
                test.case(
                    "fires when one of two vantages is absent",
                    series("1x19 stale _x200"),
                    vec![
                        test.at(fires_at.saturating_sub(MINUTE), vec![]),
                        test.at(fires_at + MINUTE, vec![test.firing()]),
                    ],
                ),
                test.case(
                    "is silent while both vantages report",
                    series("1x200"),
                    vec![test.at(fires_at + MINUTE, vec![])],
                ),
            ]
        }
        ExporterAlert::ExporterDown => {
            let test = test(&[("job", "castai-health-exporter")]);
            let up = |values: &str| vec![(format!("up{{{TARGET}}}"), values.to_owned())];
            let fires_at = 10 * MINUTE + 5 * MINUTE + for_duration;
            vec![
                test.case(
                    "fires when every scrape fails",
                    up("1x19 0x200"),
                    vec![test.at(fires_at.saturating_sub(2 * MINUTE), vec![]), test.at(fires_at + MINUTE, vec![test.firing()])],
                ),
                test.case("is silent while one scrape in six succeeds", up("0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0"), vec![test.at(26 * MINUTE, vec![])]),
            ]
        }
        ExporterAlert::SidecarMissing => {
            let test = test(&[]);
            let missing = |values: &str| {
                vec![(
                    format!("castai_health_agent_pods{{{TARGET},exporter=\"missing\"}}"),
                    values.to_owned(),
                )]
            };
            let fires_at = 15 * MINUTE + for_duration;
            vec![
                test.case(
                    "fires while a pod lacks the sidecar, and resolves when it is replaced",
                    missing("0x19 1x100 0x200"),
                    vec![
                        test.at(fires_at.saturating_sub(2 * MINUTE), vec![]),
                        test.at(fires_at + MINUTE, vec![test.firing()]),
                        test.at(90 * MINUTE, vec![]),
                    ],
                ),
                test.case(
                    "is silent while pods are replaced",
                    missing("0x19 1x10 0x100"),
                    vec![test.at(fires_at, vec![])],
                ),
            ]
        }
        ExporterAlert::CheckFailing => {
            let test = test(checked);
            let failing = |values: &str| {
                check_series("castai_health_check_status", ",status=\"failing\"", values)
            };
            let fires_at = 10 * MINUTE + for_duration;
            let alerts = (
                format!(
                    "ALERTS{{{AGENT},alertname=\"CastaiApiserverUnreachable\",alertstate=\"firing\",mode=\"net_refused\",check=\"apiserver\",severity=\"critical\"}}"
                ),
                "_x40 1x200".to_owned(),
            );
            vec![
                test.case(
                    "fires when no alert names the cause",
                    vec![need(), failing("0x19 1x200")],
                    vec![
                        test.at(fires_at.saturating_sub(MINUTE), vec![]),
                        test.at(fires_at + MINUTE, vec![test.firing()]),
                    ],
                ),
                test.case(
                    "is silent while an alert names the cause",
                    vec![need(), failing("0x19 1x200"), alerts],
                    vec![test.at(fires_at + MINUTE, vec![])],
                ),
                test.case(
                    "is silent while the check is ok",
                    vec![need(), failing("0x200")],
                    vec![test.at(fires_at, vec![])],
                ),
            ]
        }
        ExporterAlert::CheckUnknown => {
            let test = test(checked);
            let unknown = |values: &str| {
                check_series("castai_health_check_status", ",status=\"unknown\"", values)
            };
            let fires_at = 10 * MINUTE + for_duration;
            vec![
                test.case(
                    "fires when a check is unknown for an hour",
                    vec![need(), unknown("0x19 1x300")],
                    vec![
                        test.at(fires_at.saturating_sub(2 * MINUTE), vec![]),
                        test.at(fires_at + MINUTE, vec![test.firing()]),
                    ],
                ),
                test.case(
                    "is silent when the check succeeds from time to time",
                    vec![
                        need(),
                        unknown("1x19 0 1x19 0 1x19 0 1x19 0 1x19 0 1x19 0 1x19 0 1x19 0 1x19 0"),
                    ],
                    vec![test.at(fires_at, vec![])],
                ),
            ]
        }
        ExporterAlert::CheckStalled => {
            let test = test(checked);
            let attempts = |check: &str, values: &str| {
                let metric = "castai_health_check_last_attempt_timestamp_seconds";
                (
                    format!("{metric}{{{TARGET},check=\"{check}\"}}"),
                    values.to_owned(),
                )
            };
            let series = |status: &str, values: &str| {
                vec![
                    check_series(
                        "castai_health_check_status",
                        &format!(",status=\"{status}\""),
                        "1x400",
                    ),
                    check_series("castai_health_check_interval_seconds", "", "15x400"),
                    attempts("apiserver", values),
                    attempts("dns", "0+30x400"),
                ]
            };
            let fires_at = 25 * MINUTE + for_duration;
            vec![
                test.case(
                    "fires when a check makes no attempts",
                    series("ok", "0+30x19 600x300"),
                    vec![
                        test.at(fires_at.saturating_sub(2 * MINUTE), vec![]),
                        test.at(fires_at + MINUTE, vec![test.firing()]),
                    ],
                ),
                test.case(
                    "is silent while attempts continue",
                    series("ok", "0+30x300"),
                    vec![test.at(fires_at, vec![])],
                ),
                test.case(
                    "is silent while the check is unknown",
                    series("unknown", "0+30x19 600x300"),
                    vec![test.at(fires_at + MINUTE, vec![])],
                ),
            ]
        }
        ExporterAlert::CheckPanicked => {
            let test = test(checked);
            let panics =
                |values: &str| vec![check_series("castai_health_check_panics_total", "", values)];
            vec![
                test.case(
                    "fires after a panic and resolves",
                    panics("0x19 1x200"),
                    vec![
                        test.at(9 * MINUTE, vec![]),
                        test.at(11 * MINUTE, vec![test.firing()]),
                        test.at(40 * MINUTE, vec![]),
                    ],
                ),
                test.case(
                    "is silent without panics",
                    panics("0x200"),
                    vec![test.at(30 * MINUTE, vec![])],
                ),
            ]
        }
        ExporterAlert::ExporterThrottled => {
            let test = test(checked);
            let series = |disturbed: &str| {
                vec![
                    check_series("castai_health_check_attempts_total", "", "0+2x300"),
                    check_series("castai_health_check_throttled_total", "", disturbed),
                ]
            };
            vec![
                test.case(
                    "fires while most attempts are throttled",
                    series("0x19 0+2x200"),
                    vec![
                        test.at(30 * MINUTE, vec![]),
                        test.at(60 * MINUTE, vec![test.firing()]),
                    ],
                ),
                test.case(
                    "is silent while few attempts are throttled",
                    series("0+0.2x300"),
                    vec![test.at(60 * MINUTE, vec![])],
                ),
            ]
        }
        ExporterAlert::ReloadFailed => {
            let test = test(&[]);
            let reload = |values: &str| {
                vec![(
                    format!("castai_health_config_last_reload_successful{{{TARGET}}}"),
                    values.to_owned(),
                )]
            };
            let fires_at = 15 * MINUTE + for_duration;
            vec![
                test.case(
                    "fires while reloads fail",
                    reload("1x19 0x200"),
                    vec![
                        test.at(fires_at.saturating_sub(2 * MINUTE), vec![]),
                        test.at(fires_at + MINUTE, vec![test.firing()]),
                    ],
                ),
                test.case(
                    "is silent after a successful reload",
                    reload("1x19 0x5 1x200"),
                    vec![test.at(fires_at, vec![])],
                ),
            ]
        }
        ExporterAlert::UnclassifiedLines
            if metric::by_name("unclassified_lines_total").is_none() =>
        {
            Vec::new()
        }
        ExporterAlert::UnclassifiedLines => {
            let test = test(&[("source", "agent")]);
            let lines = |values: &str| {
                vec![(
                    format!("castai_health_unclassified_lines_total{{{TARGET},source=\"agent\"}}"),
                    values.to_owned(),
                )]
            };
            vec![
                test.case(
                    "fires on unclassified lines",
                    lines("0x19 3x200"),
                    vec![
                        test.at(19 * MINUTE, vec![]),
                        test.at(25 * MINUTE, vec![test.firing()]),
                    ],
                ),
                test.case(
                    "is silent without unclassified lines",
                    lines("3x200"),
                    vec![test.at(30 * MINUTE, vec![])],
                ),
            ]
        }
        ExporterAlert::CertificateExpiring => {
            let test = test(checked);
            let expires = |at: u32| {
                vec![check_series(
                    "castai_health_tls_certificate_not_after_timestamp_seconds",
                    ",target=\"10.0.0.1:443\"",
                    &format!("{at}x400"),
                )]
            };
            vec![
                test.case(
                    "fires within the last week",
                    expires(3 * 86_400),
                    vec![
                        test.at(59 * MINUTE, vec![]),
                        test.at(62 * MINUTE, vec![test.firing()]),
                    ],
                ),
                test.case(
                    "is silent before",
                    expires(30 * 86_400),
                    vec![test.at(90 * MINUTE, vec![])],
                ),
            ]
        }
        ExporterAlert::ErrorBudgetBurn => Vec::new(),
    }
}
