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
    let course = Course::new(alert);
    let mut scenarios = course.of_each_mode();
    scenarios.extend(course.over_time());
    scenarios.extend(course.by_need());
    if alert.check.entry().scope == Scope::Pod {
        scenarios.extend(course.by_visibility());
    }
    scenarios
}

/// The course of a failure in the scenarios of one alert.
struct Course {
    alert: &'static Alert,
    /// Duration of a failure.
    failure: Duration,
    /// Length of the test.
    length: Duration,
    fires_from: Duration,
    resolves: Duration,
}

impl Course {
    fn new(alert: &'static Alert) -> Self {
        let failure = failure_duration(alert);
        Self {
            alert,
            failure,
            length: test_duration(alert),
            fires_from: FAILURE_START + for_duration(alert.check, alert.modes[0]),
            resolves: FAILURE_START + failure + KEEP_FIRING_FOR,
        }
    }

    /// Returns the phases of an exporter that is in `during` for the failure and in `after` later.
    fn phases(&self, during: Phase, after: Phase) -> [(Duration, Phase); 3] {
        [
            (FAILURE_START, Phase::Ok),
            (self.failure, during),
            (self.length, after),
        ]
    }

    fn failing(&self) -> [(Duration, Phase); 3] {
        self.phases(Phase::Failing, Phase::Ok)
    }

    fn healthy(&self) -> [(Duration, Phase); 1] {
        [(self.length, Phase::Ok)]
    }

    fn while_failing(&self) -> (Duration, Duration) {
        (self.fires_from, self.resolves)
    }

    fn scenario(
        &self,
        cluster: &str,
        exporters: Vec<SimulatedExporter>,
        fires: Option<(Duration, Duration)>,
    ) -> Scenario {
        let exporters = exporters.into_iter().map(|exporter| SimulatedExporter {
            cluster: cluster.to_owned(),
            ..exporter
        });
        Scenario {
            cluster: cluster.to_owned(),
            mode: self.alert.modes[0],
            exporters: exporters.collect(),
            fires,
            severity: Severity::Critical,
            visibility: Visibility::Sidecar,
        }
    }

    fn of_each_mode(&self) -> Vec<Scenario> {
        let scenario = |mode: &FailureMode| {
            let fires_from = FAILURE_START + for_duration(self.alert.check, *mode);
            let exporters = vec![SimulatedExporter::sidecar(&self.failing())];
            let fires = Some((fires_from, self.resolves));
            Scenario {
                mode: *mode,
                ..self.scenario(&format!("mode-{mode}"), exporters, fires)
            }
        };
        self.alert.modes.iter().map(scenario).collect()
    }

    fn over_time(&self) -> Vec<Scenario> {
        let sidecar = |phases: &[(Duration, Phase)]| vec![SimulatedExporter::sidecar(phases)];
        let flapping: Vec<_> = (0..self.length.as_secs() / STEP.as_secs())
            .map(|i| (STEP, [Phase::Ok, Phase::Failing][usize::from(i % 2 == 1)]))
            .collect();
        let (absent_for, unknown_for) = (3 * MINUTE, KEEP_FIRING_FOR);
        let restart = [
            (FAILURE_START, Phase::Ok),
            (self.failure, Phase::Failing),
            (absent_for, Phase::Absent),
            (unknown_for, Phase::UnknownAfterStart),
            (self.failure, Phase::Failing),
            (self.length, Phase::Ok),
        ];
        let until = |end: Duration| Some((self.fires_from, end));
        let replaced_at = self.fires_from.saturating_sub(MINUTE);
        vec![
            self.scenario("healthy", sidecar(&self.healthy()), None),
            self.scenario("flapping", sidecar(&flapping), None),
            self.scenario(
                "not-applicable-later",
                sidecar(&self.phases(Phase::Failing, Phase::NotApplicable)),
                Some(self.while_failing()),
            ),
            self.scenario(
                "unknown-later",
                sidecar(&self.phases(Phase::Failing, Phase::UnknownInEpisode)),
                until(self.length),
            ),
            self.scenario(
                "exporter-restarts",
                sidecar(&restart),
                until(self.resolves + absent_for + unknown_for + self.failure),
            ),
            self.scenario(
                "exporter-removed",
                sidecar(&self.phases(Phase::Failing, Phase::Absent)),
                until(self.resolves + 3 * KEEP_FIRING_FOR),
            ),
            self.scenario(
                "pod-replaced",
                pod_replaced(self.failure, self.length, replaced_at),
                until(self.resolves + MINUTE / 2),
            ),
        ]
    }

    fn by_need(&self) -> Vec<Scenario> {
        [
            (
                "needed-for-a-feature",
                Need::Feature,
                Phase::Failing,
                Severity::Warning,
            ),
            ("not-needed", Need::None, Phase::Failing, Severity::Info),
            ("warning", Need::Start, Phase::Warning, Severity::Warning),
        ]
        .map(|(cluster, need, during, severity)| {
            let exporter = SimulatedExporter {
                need,
                ..SimulatedExporter::sidecar(&self.phases(during, Phase::Ok))
            };
            Scenario {
                severity,
                ..self.scenario(cluster, vec![exporter], Some(self.while_failing()))
            }
        })
        .into()
    }

    fn by_visibility(&self) -> Vec<Scenario> {
        let (failing, healthy) = (self.failing(), self.healthy());
        let sidecar = |phases: &[(Duration, Phase)]| SimulatedExporter::sidecar(phases);
        let companion = |phases: &[(Duration, Phase)]| SimulatedExporter::companion(phases);
        let spare = SimulatedExporter {
            instance: "10.0.0.3:9878",
            ..sidecar(&healthy)
        };
        let both = "sidecar-and-companion";
        [
            (
                "sidecar-only",
                vec![sidecar(&failing), companion(&healthy)],
                Visibility::SidecarOnly,
            ),
            (
                both,
                vec![sidecar(&failing), companion(&failing)],
                Visibility::Both,
            ),
            (
                "companion-only",
                vec![sidecar(&healthy), companion(&failing)],
                Visibility::CompanionOnly,
            ),
            (
                "companion-without-sidecar",
                vec![companion(&failing)],
                Visibility::Companion,
            ),
            (
                "one-of-two-pods",
                vec![sidecar(&failing), spare],
                Visibility::SomeSidecars,
            ),
        ]
        .into_iter()
        .map(|(cluster, exporters, visibility)| {
            let severity = if visibility.agent_survives() {
                Severity::Warning
            } else {
                Severity::Critical
            };
            Scenario {
                severity,
                visibility,
                ..self.scenario(cluster, exporters, Some(self.while_failing()))
            }
        })
        .collect()
    }
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
