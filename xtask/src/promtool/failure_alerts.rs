//! Tests of the alerts on failure modes: one scenario per cluster.

use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::rules::failures::annotations;
use castai_health_exporter::alerting::rules::group::KEEP_FIRING_FOR;
use castai_health_exporter::alerting::visibility::Visibility;
use castai_health_exporter::catalogue::alert::{ALERTS, for_duration};
use castai_health_exporter::catalogue::{Alert, CheckId, FailureMode, Need, Scope, Severity};

use crate::promtool::simulated_exporter::{Phase, SimulatedExporter};
use crate::promtool::test_case::{
    ExpectedAlert, Firing, FiringClusters, STEP, TestCase, expand_templates,
};

/// Time at which every failure starts.
const FAILURE_START: Duration = Duration::from_mins(2);
const MINUTE: Duration = Duration::from_mins(1);

/// A scenario in one cluster and the period in which the alert fires.
struct Scenario {
    cluster: String,
    mode: FailureMode,
    exporters: Vec<SimulatedExporter>,
    fires: Option<(Duration, Duration)>,
    severity: Severity,
    visibility: Visibility,
}

/// Returns one test case per alert, with a scenario per cluster.
pub(super) fn test_cases(check: CheckId, settings: &GeneratorOptions<'_>) -> Vec<TestCase> {
    ALERTS
        .iter()
        .filter(|alert| alert.check == check)
        .map(|alert| case(alert, settings))
        .collect()
}

fn case(alert: &'static Alert, settings: &GeneratorOptions<'_>) -> TestCase {
    let scenarios = scenarios(alert);
    let firing = |scenario: &Scenario| {
        let label = |name, value: &str| (name, value.to_owned());
        let sentence = if alert.check.entry().scope == Scope::Cluster {
            ""
        } else {
            scenario.visibility.sentence()
        };
        Firing {
            labels: vec![
                label("cluster", &scenario.cluster),
                label("namespace", "castai-agent"),
                label("check", alert.check.label()),
                label("mode", scenario.mode.label()),
                label("severity", scenario.severity.label()),
            ],
            annotations: expand_templates(annotations(
                alert,
                scenario.mode,
                sentence,
                settings.runbook_base,
            )),
        }
    };
    let fires_at = |at: Duration| {
        scenarios.iter().filter(move |scenario| {
            scenario
                .fires
                .is_some_and(|(from, until)| from <= at && at < until)
        })
    };
    let begin = |mode: &FailureMode| FAILURE_START + for_duration(alert.check, *mode);
    let first = alert.modes.iter().map(begin).min().unwrap_or(FAILURE_START);
    let all = alert.modes.iter().map(begin).max().unwrap_or(FAILURE_START);
    let expected = [first.saturating_sub(STEP), all]
        .map(|at| ExpectedAlert {
            at,
            alert: alert.name,
            firing: fires_at(at).map(firing).collect(),
        })
        .into();
    // No expectation near the end of a scenario: the last sample and the evaluation may not coincide.
    let clear = |at: &Duration| {
        scenarios
            .iter()
            .filter_map(|scenario| scenario.fires)
            .all(|(_, until)| at.abs_diff(until) >= MINUTE)
    };
    let mut moments: Vec<Duration> = scenarios
        .iter()
        .filter_map(|scenario| scenario.fires)
        .flat_map(|(from, until)| {
            [
                from.saturating_sub(STEP),
                from,
                until.saturating_sub(MINUTE),
                until + MINUTE,
            ]
        })
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let firing_clusters = moments
        .into_iter()
        .filter(clear)
        .filter(|at| *at < test_duration(alert))
        .map(|at| FiringClusters {
            at,
            alert: alert.name,
            clusters: fires_at(at)
                .map(|scenario| scenario.cluster.clone())
                .collect(),
        })
        .collect();
    TestCase {
        name: format!("{}: one scenario per cluster", alert.name),
        series: scenarios
            .iter()
            .flat_map(|scenario| {
                scenario
                    .exporters
                    .iter()
                    .map(move |exporter| (exporter, scenario.mode))
            })
            .flat_map(|(exporter, mode)| exporter.series(alert.check, mode))
            .collect(),
        expected_alerts: expected,
        firing_clusters,
    }
}

/// Returns how long failures last: long enough for every alert to fire.
fn failure_duration(alert: &Alert) -> Duration {
    let longest = alert
        .modes
        .iter()
        .map(|mode| for_duration(alert.check, *mode))
        .max();
    longest.unwrap_or_default() + 5 * MINUTE
}

/// Returns the length of the test.
fn test_duration(alert: &Alert) -> Duration {
    FAILURE_START + 2 * failure_duration(alert) + 4 * KEEP_FIRING_FOR
}

/// Returns a scenario per mode, and every other course of events for the first mode.
fn scenarios(alert: &'static Alert) -> Vec<Scenario> {
    let mode = alert.modes[0];
    let (long, length) = (failure_duration(alert), test_duration(alert));
    let fires_from = FAILURE_START + for_duration(alert.check, mode);
    let failing = vec![
        (FAILURE_START, Phase::Ok),
        (long, Phase::Failing),
        (length, Phase::Ok),
    ];
    let healthy = vec![(length, Phase::Ok)];
    let resolves = FAILURE_START + long + KEEP_FIRING_FOR;
    let scenario = |cluster: &str,
                    exporters: Vec<SimulatedExporter>,
                    fires: Option<(Duration, Duration)>| Scenario {
        cluster: cluster.to_owned(),
        mode,
        exporters: exporters
            .into_iter()
            .map(|exporter| SimulatedExporter {
                cluster: cluster.to_owned(),
                ..exporter
            })
            .collect(),
        fires,
        severity: Severity::Critical,
        visibility: Visibility::Sidecar,
    };
    let sidecar = |phases: &[(Duration, Phase)]| SimulatedExporter::sidecar(phases);
    let mut scenarios: Vec<Scenario> = alert
        .modes
        .iter()
        .map(|mode| Scenario {
            mode: *mode,
            ..scenario(
                &format!("mode-{mode}"),
                vec![sidecar(&failing)],
                Some((FAILURE_START + for_duration(alert.check, *mode), resolves)),
            )
        })
        .collect();

    let flapping: Vec<_> = (0..length.as_secs() / STEP.as_secs())
        .map(|i| {
            (
                STEP,
                if i % 2 == 0 {
                    Phase::Ok
                } else {
                    Phase::Failing
                },
            )
        })
        .collect();
    let not_applicable = [
        (FAILURE_START, Phase::Ok),
        (long, Phase::Failing),
        (length, Phase::NotApplicable),
    ];
    let unknown = [
        (FAILURE_START, Phase::Ok),
        (long, Phase::Failing),
        (length, Phase::UnknownInEpisode),
    ];
    let (absent_for, unknown_for) = (3 * MINUTE, KEEP_FIRING_FOR);
    let restart = [
        (FAILURE_START, Phase::Ok),
        (long, Phase::Failing),
        (absent_for, Phase::Absent),
        (unknown_for, Phase::UnknownAfterStart),
        (long, Phase::Failing),
        (length, Phase::Ok),
    ];
    let gone = [
        (FAILURE_START, Phase::Ok),
        (long, Phase::Failing),
        (length, Phase::Absent),
    ];
    scenarios.extend([
        scenario("healthy", vec![sidecar(&healthy)], None),
        scenario("flapping", vec![sidecar(&flapping)], None),
        scenario(
            "not-applicable-later",
            vec![sidecar(&not_applicable)],
            Some((fires_from, resolves)),
        ),
        scenario(
            "unknown-later",
            vec![sidecar(&unknown)],
            Some((fires_from, length)),
        ),
        scenario(
            "exporter-restarts",
            vec![sidecar(&restart)],
            Some((fires_from, resolves + absent_for + unknown_for + long)),
        ),
        scenario(
            "exporter-removed",
            vec![sidecar(&gone)],
            Some((fires_from, resolves + 3 * KEEP_FIRING_FOR)),
        ),
        scenario(
            "pod-replaced",
            pod_replaced(long, length, fires_from.saturating_sub(MINUTE)),
            Some((fires_from, resolves + MINUTE / 2)),
        ),
    ]);

    let needed = |cluster: &str, need: Need, phases: Phase, severity: Severity| {
        let phases = [
            (FAILURE_START, Phase::Ok),
            (long, phases),
            (length, Phase::Ok),
        ];
        let exporter = SimulatedExporter {
            need,
            ..sidecar(&phases)
        };
        Scenario {
            severity,
            ..scenario(cluster, vec![exporter], Some((fires_from, resolves)))
        }
    };
    scenarios.extend([
        needed(
            "needed-for-a-feature",
            Need::Feature,
            Phase::Failing,
            Severity::Warning,
        ),
        needed("not-needed", Need::None, Phase::Failing, Severity::Info),
        needed("warning", Need::Start, Phase::Warning, Severity::Warning),
    ]);
    if alert.check.entry().scope == Scope::Pod {
        let spare = SimulatedExporter {
            instance: "10.0.0.3:9878",
            ..sidecar(&healthy)
        };
        let visible = |cluster: &str, exporters: Vec<SimulatedExporter>, visibility: Visibility| {
            let severity = if visibility.agent_survives() {
                Severity::Warning
            } else {
                Severity::Critical
            };
            Scenario {
                severity,
                visibility,
                ..scenario(cluster, exporters, Some((fires_from, resolves)))
            }
        };
        let companion = |phases: &[(Duration, Phase)]| SimulatedExporter::companion(phases);
        scenarios.extend([
            visible(
                "sidecar-only",
                vec![sidecar(&failing), companion(&healthy)],
                Visibility::SidecarOnly,
            ),
            visible(
                "sidecar-and-companion",
                vec![sidecar(&failing), companion(&failing)],
                Visibility::Both,
            ),
            visible(
                "companion-only",
                vec![sidecar(&healthy), companion(&failing)],
                Visibility::CompanionOnly,
            ),
            visible(
                "companion-without-sidecar",
                vec![companion(&failing)],
                Visibility::Companion,
            ),
            visible(
                "one-of-two-pods",
                vec![sidecar(&failing), spare],
                Visibility::SomeSidecars,
            ),
        ]);
    }
    scenarios
}

/// Returns a pod that fails and is replaced by one that fails as well.
fn pod_replaced(long: Duration, length: Duration, at: Duration) -> Vec<SimulatedExporter> {
    let old = [
        (FAILURE_START, Phase::Ok),
        (at.saturating_sub(FAILURE_START), Phase::Failing),
        (length, Phase::Absent),
    ];
    let new = [
        (at, Phase::Absent),
        (STEP, Phase::UnknownAfterStart),
        ((FAILURE_START + long).saturating_sub(at), Phase::Failing),
        (length, Phase::Ok),
    ];
    vec![
        SimulatedExporter::sidecar(&old),
        SimulatedExporter {
            instance: "10.0.0.9:9878",
            ..SimulatedExporter::sidecar(&new)
        },
    ]
}
