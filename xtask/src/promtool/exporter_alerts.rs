//! The tests of the alerts that belong to no single failure mode.

use std::time::Duration;

use castai_health_exporter::alerting::rules::exporter::annotations;
use castai_health_exporter::alerting::settings::Settings;
use castai_health_exporter::catalogue::{OwnAlert, metric};

use crate::promtool::test_case::{Expected, Firing, STEP, TestCase, expanded};

const MINUTE: Duration = Duration::from_mins(1);
const PLACE: &str = "cluster=\"one\",namespace=\"castai-agent\"";
const TARGET: &str = "cluster=\"one\",namespace=\"castai-agent\",job=\"castai-health-exporter\",instance=\"10.0.0.1:9878\"";

/// Labels beside cluster and namespace.
type Labels = &'static [(&'static str, &'static str)];

struct Own<'a> {
    alert: OwnAlert,
    labels: Labels,
    settings: &'a Settings<'a>,
}

/// Of the group `exporter`.
pub(super) fn exporter(settings: &Settings<'_>) -> Vec<TestCase> {
    OwnAlert::ALL
        .iter()
        .flat_map(|alert| of(*alert, settings))
        .collect()
}

#[expect(clippy::too_many_lines, reason = "a table: an arm per alert")]
fn of(alert: OwnAlert, settings: &Settings<'_>) -> Vec<TestCase> {
    let own = |labels: Labels| Own {
        alert,
        labels,
        settings,
    };
    let patience = alert.entry().patience;
    let info = |instance: &str, vantage: &str, values: String| {
        (
            format!(
                "castai_health_exporter_info{{{PLACE},job=\"castai-health-exporter\",instance=\"{instance}\",vantage=\"{vantage}\"}}"
            ),
            values,
        )
    };
    let of_check = |metric: &str, more: &str, values: &str| {
        (
            format!("{metric}{{{TARGET},check=\"apiserver\"{more}}}"),
            values.to_owned(),
        )
    };
    let need = || of_check("castai_health_check_need", ",need=\"start\"", "1x400");
    let checked: Labels = &[("check", "apiserver")];
    match alert {
        OwnAlert::Watchdog => {
            let own = Own {
                alert,
                labels: &[],
                settings,
            };
            let firing = Firing {
                labels: vec![("severity", "none".to_owned())],
                annotations: own.firing().annotations,
            };
            vec![own.case(
                "always fires",
                Vec::new(),
                vec![own.at(MINUTE, vec![firing])],
            )]
        }
        OwnAlert::Silent => {
            let gone = 10 * MINUTE;
            let own = own(&[]);
            let vanished = vec![info(
                "10.0.0.1:9878",
                "sidecar",
                "1x19 stale _x3000".to_owned(),
            )];
            let told = gone + 10 * MINUTE + patience;
            let up = (format!("up{{{TARGET}}}"), "0x60".to_owned());
            let moved = vec![
                info("10.0.0.1:9878", "sidecar", "1x19 stale _x100".to_owned()),
                info("10.0.0.2:9878", "sidecar", "_x24 1x100".to_owned()),
            ];
            vec![
                own.case(
                    "fires when the sidecar vanished with the agent, and ends after a day",
                    vanished.clone(),
                    vec![
                        own.at(told.saturating_sub(MINUTE), vec![]),
                        own.at(told + MINUTE, vec![own.firing()]),
                        own.at(Duration::from_hours(24) + 30 * MINUTE, vec![]),
                    ],
                ),
                own.case(
                    "is silent while Prometheus knows the target and cannot scrape it",
                    vec![vanished[0].clone(), up],
                    vec![own.at(told + MINUTE, vec![])],
                ),
                own.case(
                    "is silent when the pod is replaced",
                    moved,
                    vec![own.at(told + MINUTE, vec![])],
                ),
                own.case(
                    "is silent where nothing was ever installed",
                    vec![],
                    vec![own.at(told, vec![])],
                ),
            ]
        }
        OwnAlert::VantageSilent => {
            let own = own(&[("vantage", "sidecar")]);
            let series = |values: &str| {
                vec![
                    info("10.0.0.1:9878", "sidecar", values.to_owned()),
                    info("10.0.0.2:9878", "companion", "1x200".to_owned()),
                ]
            };
            let told = 20 * MINUTE + patience;
            vec![
                own.case(
                    "fires when one of two is gone",
                    series("1x19 stale _x200"),
                    vec![
                        own.at(told.saturating_sub(MINUTE), vec![]),
                        own.at(told + MINUTE, vec![own.firing()]),
                    ],
                ),
                own.case(
                    "is silent while both are there",
                    series("1x200"),
                    vec![own.at(told + MINUTE, vec![])],
                ),
            ]
        }
        OwnAlert::ExporterDown => {
            let own = own(&[("job", "castai-health-exporter")]);
            let up = |values: &str| vec![(format!("up{{{TARGET}}}"), values.to_owned())];
            let told = 10 * MINUTE + 5 * MINUTE + patience;
            vec![
                own.case(
                    "fires when every scrape fails",
                    up("1x19 0x200"),
                    vec![own.at(told.saturating_sub(2 * MINUTE), vec![]), own.at(told + MINUTE, vec![own.firing()])],
                ),
                own.case("is silent while one scrape in six succeeds", up("0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0 0 0 1 0 0 0"), vec![own.at(26 * MINUTE, vec![])]),
            ]
        }
        OwnAlert::SidecarMissing => {
            let own = own(&[]);
            let missing = |values: &str| {
                vec![(
                    format!("castai_health_agent_pods{{{TARGET},exporter=\"missing\"}}"),
                    values.to_owned(),
                )]
            };
            let told = 15 * MINUTE + patience;
            vec![
                own.case(
                    "fires while a pod has none, and ends when it was replaced",
                    missing("0x19 1x100 0x200"),
                    vec![
                        own.at(told.saturating_sub(2 * MINUTE), vec![]),
                        own.at(told + MINUTE, vec![own.firing()]),
                        own.at(90 * MINUTE, vec![]),
                    ],
                ),
                own.case(
                    "is silent while pods are replaced",
                    missing("0x19 1x10 0x100"),
                    vec![own.at(told, vec![])],
                ),
            ]
        }
        OwnAlert::CheckFailing => {
            let own = own(checked);
            let failing = |values: &str| {
                of_check("castai_health_check_status", ",status=\"failing\"", values)
            };
            let told = 10 * MINUTE + patience;
            let alerts = (
                format!(
                    "ALERTS{{{PLACE},alertname=\"CastaiApiserverUnreachable\",alertstate=\"firing\",mode=\"net_refused\",check=\"apiserver\",severity=\"critical\"}}"
                ),
                "_x40 1x200".to_owned(),
            );
            vec![
                own.case(
                    "fires when no alert tells why",
                    vec![need(), failing("0x19 1x200")],
                    vec![
                        own.at(told.saturating_sub(MINUTE), vec![]),
                        own.at(told + MINUTE, vec![own.firing()]),
                    ],
                ),
                own.case(
                    "is silent while an alert tells why",
                    vec![need(), failing("0x19 1x200"), alerts],
                    vec![own.at(told + MINUTE, vec![])],
                ),
                own.case(
                    "is silent while all is well",
                    vec![need(), failing("0x200")],
                    vec![own.at(told, vec![])],
                ),
            ]
        }
        OwnAlert::CheckUnknown => {
            let own = own(checked);
            let unknown = |values: &str| {
                of_check("castai_health_check_status", ",status=\"unknown\"", values)
            };
            let told = 10 * MINUTE + patience;
            vec![
                own.case(
                    "fires when it is unknown for an hour",
                    vec![need(), unknown("0x19 1x300")],
                    vec![
                        own.at(told.saturating_sub(2 * MINUTE), vec![]),
                        own.at(told + MINUTE, vec![own.firing()]),
                    ],
                ),
                own.case(
                    "is silent when it is found out now and again",
                    vec![
                        need(),
                        unknown("1x19 0 1x19 0 1x19 0 1x19 0 1x19 0 1x19 0 1x19 0 1x19 0 1x19 0"),
                    ],
                    vec![own.at(told, vec![])],
                ),
            ]
        }
        OwnAlert::CheckStalled => {
            let own = own(checked);
            let attempts = |check: &str, values: &str| {
                let metric = "castai_health_check_last_attempt_timestamp_seconds";
                (
                    format!("{metric}{{{TARGET},check=\"{check}\"}}"),
                    values.to_owned(),
                )
            };
            let series = |status: &str, values: &str| {
                vec![
                    of_check(
                        "castai_health_check_status",
                        &format!(",status=\"{status}\""),
                        "1x400",
                    ),
                    of_check("castai_health_check_interval_seconds", "", "15x400"),
                    attempts("apiserver", values),
                    attempts("dns", "0+30x400"),
                ]
            };
            let told = 25 * MINUTE + patience;
            vec![
                own.case(
                    "fires when it made no attempt for long",
                    series("ok", "0+30x19 600x300"),
                    vec![
                        own.at(told.saturating_sub(2 * MINUTE), vec![]),
                        own.at(told + MINUTE, vec![own.firing()]),
                    ],
                ),
                own.case(
                    "is silent while it goes on",
                    series("ok", "0+30x300"),
                    vec![own.at(told, vec![])],
                ),
                own.case(
                    "is silent while it claims nothing",
                    series("unknown", "0+30x19 600x300"),
                    vec![own.at(told + MINUTE, vec![])],
                ),
            ]
        }
        OwnAlert::CheckPanicked => {
            let own = own(checked);
            let panics =
                |values: &str| vec![of_check("castai_health_check_panics_total", "", values)];
            vec![
                own.case(
                    "fires after a panic and ends",
                    panics("0x19 1x200"),
                    vec![
                        own.at(9 * MINUTE, vec![]),
                        own.at(11 * MINUTE, vec![own.firing()]),
                        own.at(40 * MINUTE, vec![]),
                    ],
                ),
                own.case(
                    "is silent without one",
                    panics("0x200"),
                    vec![own.at(30 * MINUTE, vec![])],
                ),
            ]
        }
        OwnAlert::Disturbed => {
            let own = own(checked);
            let series = |disturbed: &str| {
                vec![
                    of_check("castai_health_check_attempts_total", "", "0+2x300"),
                    of_check("castai_health_check_disturbed_total", "", disturbed),
                ]
            };
            vec![
                own.case(
                    "fires when most attempts are disturbed for long",
                    series("0x19 0+2x200"),
                    vec![
                        own.at(30 * MINUTE, vec![]),
                        own.at(60 * MINUTE, vec![own.firing()]),
                    ],
                ),
                own.case(
                    "is silent when few are",
                    series("0+0.2x300"),
                    vec![own.at(60 * MINUTE, vec![])],
                ),
            ]
        }
        OwnAlert::ReloadFailed => {
            let own = own(&[]);
            let reload = |values: &str| {
                vec![(
                    format!("castai_health_config_last_reload_successful{{{TARGET}}}"),
                    values.to_owned(),
                )]
            };
            let told = 15 * MINUTE + patience;
            vec![
                own.case(
                    "fires when the configuration stays bad",
                    reload("1x19 0x200"),
                    vec![
                        own.at(told.saturating_sub(2 * MINUTE), vec![]),
                        own.at(told + MINUTE, vec![own.firing()]),
                    ],
                ),
                own.case(
                    "is silent when it was mended",
                    reload("1x19 0x5 1x200"),
                    vec![own.at(told, vec![])],
                ),
            ]
        }
        OwnAlert::UnclassifiedLines if metric::named("unclassified_lines_total").is_none() => {
            Vec::new()
        }
        OwnAlert::UnclassifiedLines => {
            let own = own(&[("source", "agent")]);
            let lines = |values: &str| {
                vec![(
                    format!("castai_health_unclassified_lines_total{{{TARGET},source=\"agent\"}}"),
                    values.to_owned(),
                )]
            };
            vec![
                own.case(
                    "fires when lines have no name",
                    lines("0x19 3x200"),
                    vec![
                        own.at(19 * MINUTE, vec![]),
                        own.at(25 * MINUTE, vec![own.firing()]),
                    ],
                ),
                own.case(
                    "is silent without them",
                    lines("3x200"),
                    vec![own.at(30 * MINUTE, vec![])],
                ),
            ]
        }
        OwnAlert::CertificateExpiring => {
            let own = own(checked);
            let ends = |at: u32| {
                vec![of_check(
                    "castai_health_tls_certificate_not_after_timestamp_seconds",
                    ",target=\"10.0.0.1:443\"",
                    &format!("{at}x400"),
                )]
            };
            vec![
                own.case(
                    "fires within the last week",
                    ends(3 * 86_400),
                    vec![
                        own.at(59 * MINUTE, vec![]),
                        own.at(62 * MINUTE, vec![own.firing()]),
                    ],
                ),
                own.case(
                    "is silent before",
                    ends(30 * 86_400),
                    vec![own.at(90 * MINUTE, vec![])],
                ),
            ]
        }
        OwnAlert::ErrorBudgetBurn => Vec::new(),
    }
}

/// Of the group `slo`.
pub(super) fn slo(settings: &Settings<'_>) -> Vec<TestCase> {
    let alert = OwnAlert::ErrorBudgetBurn;
    let series = |failures: &str| {
        let of = |metric: &str, values: &str| {
            (
                format!("castai_health_check_{metric}_total{{{TARGET},check=\"castai_api\"}}"),
                values.to_owned(),
            )
        };
        vec![of("attempts", "0+1x3000"), of("failures", failures)]
    };
    let fast = Own {
        alert,
        labels: &[("check", "castai_api"), ("long", "1h"), ("short", "5m")],
        settings,
    };
    let slow = Own {
        alert,
        labels: &[("check", "castai_api"), ("long", "6h"), ("short", "30m")],
        settings,
    };
    let told = (
        format!(
            "ALERTS{{{PLACE},alertname=\"CastaiApiUnreachable\",alertstate=\"firing\",mode=\"net_refused\",check=\"castai_api\",severity=\"critical\"}}"
        ),
        "_x200 1x400 stale _x100".to_owned(),
    );
    vec![
        fast.case(
            "fires fast when every other attempt fails",
            series("0x179 0+0.5x600"),
            vec![
                fast.at(85 * MINUTE, vec![]),
                fast.at(130 * MINUTE, vec![fast.firing()]),
                fast.at(150 * MINUTE, vec![fast.firing(), slow.firing()]),
            ],
        ),
        fast.case(
            "comes behind every cause where there is no history yet",
            series("0+1x100"),
            vec![fast.at(11 * MINUTE, vec![])],
        ),
        fast.case(
            "is silent when one in a thousand fails",
            series("0+0.001x3000"),
            vec![fast.at(10 * 60 * MINUTE, vec![])],
        ),
        fast.case(
            "is silent while an alert tells the cause, and for a while after",
            [series("0x179 0+1x420 420x300"), vec![told]].concat(),
            vec![fast.at(150 * MINUTE, vec![]), fast.at(302 * MINUTE, vec![])],
        ),
    ]
}

impl Own<'_> {
    fn case(&self, what: &str, series: Vec<(String, String)>, expected: Vec<Expected>) -> TestCase {
        TestCase {
            name: format!("{} {what}", self.alert.entry().name),
            series,
            expected,
            told: Vec::new(),
        }
    }

    fn at(&self, at: Duration, firing: Vec<Firing>) -> Expected {
        debug_assert_eq!(at.as_secs() % STEP.as_secs(), 0);
        Expected {
            at,
            alert: self.alert.entry().name,
            firing,
        }
    }

    fn firing(&self) -> Firing {
        let own = [
            ("cluster", "one"),
            ("namespace", "castai-agent"),
            ("severity", self.alert.entry().severity.label()),
        ];
        let value = |label: &str| {
            let found = self.labels.iter().find(|(name, _)| *name == label);
            found.map_or_else(String::new, |(_, value)| (*value).to_owned())
        };
        Firing {
            labels: own
                .iter()
                .chain(self.labels)
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            annotations: expanded(annotations(self.alert, &value, self.settings.runbook_base)),
        }
    }
}
