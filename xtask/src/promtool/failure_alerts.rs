//! Tests of the alerts about failures: what each says, and its course in one cluster per scenario.

use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::rules::group::KEEP_FIRING_FOR;
use castai_health_exporter::alerting::rules::selector::Selector;
use castai_health_exporter::catalogue::alert::documented_as;
use castai_health_exporter::catalogue::relation::explaining;
use castai_health_exporter::catalogue::{
    Alert, CheckId, Effect, FailureMode, Relation, Scope, Severity,
};

use crate::promtool::notification::{SeenBy, of_failure};
use crate::promtool::series::{Exporter, MINUTE, STEP, Series, Span, present};
use crate::promtool::test_case::{ExpectedNotifications, ExpectedResult, TestCase};

/// Time at which every failure starts.
const START: Duration = Duration::from_mins(2);

/// Time for which a cause that is over still explains a failure.
const OUTLASTS_CAUSE: Duration = Duration::from_mins(10);

/// Returns the tests of some alerts.
pub(super) fn test_cases(alerts: &[Alert], settings: &GeneratorOptions<'_>) -> Vec<TestCase> {
    alerts
        .iter()
        .flat_map(|alert| [text(alert, settings), course(alert)])
        .collect()
}

/// Returns the (check, mode) pairs that an alert covers, its own check first.
fn pairs(alert: &Alert) -> Vec<(CheckId, FailureMode)> {
    let selector = Selector::new(alert);
    let mut pairs = Vec::new();
    for check in selector.checks {
        for mode in &selector.modes {
            let (of, documented) = documented_as(check, *mode);
            if mode.shown_by(check) && of == alert.check && alert.modes.contains(&documented) {
                pairs.push((check, *mode));
            }
        }
    }
    pairs
}

/// Checks the whole notification: seen by the sidecar, by the companion and by both; with and
/// without a label `cluster`.
fn text(alert: &Alert, settings: &GeneratorOptions<'_>) -> TestCase {
    let (check, mode) = (alert.check, alert.modes[0]);
    let fires = START + alert.for_duration();
    let span = [(START, fires + 5 * MINUTE)];
    let sidecar = Exporter::sidecar("sidecar");
    let companion = Exporter::companion("companion");
    let no_cluster = [sidecar, companion].map(Exporter::without_cluster);
    let scenarios = match check.entry().scope {
        Scope::Pod => vec![
            (vec![sidecar], SeenBy::Sidecar),
            (vec![companion], SeenBy::Companion),
            (no_cluster.to_vec(), SeenBy::Both),
        ],
        Scope::Cluster => vec![
            (vec![companion], SeenBy::Companion),
            (vec![companion.without_cluster()], SeenBy::Companion),
        ],
    };
    let mut series = Vec::new();
    for exporter in scenarios.iter().flat_map(|(exporters, _)| exporters) {
        series.push(exporter.info(&present(&[(Duration::ZERO, fires + 5 * MINUTE)])));
        series.push(exporter.root(check, mode, Severity::Critical, &span));
        if check == CheckId::Components {
            let labels = format!(
                "component=\"evictor\",mode=\"{mode}\",severity=\"critical\",caused_by=\"\""
            );
            let metric = "castai_health_component_failure";
            series.push(exporter.series(metric, &labels, &present(&span)));
        }
    }
    let notification = |(exporters, seen_by): &(Vec<Exporter>, SeenBy)| {
        let (severity, cluster) = (Severity::Critical, exporters[0].cluster);
        of_failure(
            alert,
            mode,
            severity,
            cluster,
            *seen_by,
            settings.runbook_base,
        )
    };
    TestCase {
        name: format!("{} names the cause, the place and the command", alert.name),
        series,
        notifications: vec![
            ExpectedNotifications {
                at: fires.saturating_sub(STEP),
                alert: alert.name,
                notifications: Vec::new(),
            },
            ExpectedNotifications {
                at: fires,
                alert: alert.name,
                notifications: scenarios.iter().map(notification).collect(),
            },
        ],
        results: Vec::new(),
    }
}

/// A scenario: one cluster.
struct Scenario {
    cluster: &'static str,
    series: Vec<Series>,
    /// The pairs and severities with which the alert fires.
    alerts: Vec<(CheckId, FailureMode, Severity)>,
    /// The time in which it fires; `None` if it never does.
    fires: Option<Span>,
}

/// Checks when the alert fires and resolves.
fn course(alert: &Alert) -> TestCase {
    let fires = START + alert.for_duration();
    let end = fires + 5 * MINUTE;
    let scenarios = scenarios(alert, fires, end);
    let firing = |at: Duration| {
        scenarios.iter().filter(move |scenario| {
            scenario
                .fires
                .is_some_and(|(from, until)| from <= at && at < until)
        })
    };
    let with_labels = |at: Duration| ExpectedResult {
        at,
        query: query(alert, "cluster, check, mode, severity"),
        samples: firing(at).flat_map(Scenario::samples).collect(),
    };
    let by_cluster = |at: Duration| ExpectedResult {
        at,
        query: query(alert, "cluster"),
        samples: firing(at)
            .map(|scenario| {
                (
                    format!("cluster=\"{}\"", scenario.cluster),
                    scenario.alerts.len(),
                )
            })
            .collect(),
    };
    // No expectation in the minute after a window of the rule ends: promtool 2 includes a sample at
    // its start, promtool 3 does not.
    let outlasted = end + OUTLASTS_CAUSE + alert.for_duration();
    let mut results = vec![
        by_cluster(fires.saturating_sub(STEP)),
        with_labels(fires),
        by_cluster(end + KEEP_FIRING_FOR.saturating_sub(STEP)),
        by_cluster(end + KEEP_FIRING_FOR),
        by_cluster(outlasted.saturating_sub(MINUTE)),
    ];
    if !alert.explained_by().is_empty() {
        results.push(by_cluster(outlasted));
    }
    results.push(by_cluster(outlasted + 20 * MINUTE));
    TestCase {
        name: format!("{}, one scenario per cluster", alert.name),
        series: scenarios
            .iter()
            .flat_map(|scenario| scenario.series.clone())
            .collect(),
        notifications: Vec::new(),
        results,
    }
}

fn query(alert: &Alert, labels: &str) -> String {
    let name = alert.name;
    format!("count by ({labels}) (ALERTS{{alertname=\"{name}\", alertstate=\"firing\"}})")
}

impl Scenario {
    fn samples(&self) -> Vec<(String, usize)> {
        let sample = |(check, mode, severity): &(CheckId, FailureMode, Severity)| {
            let labels = format!(
                "cluster=\"{}\", check=\"{check}\", mode=\"{mode}\", severity=\"{}\"",
                self.cluster,
                severity.label()
            );
            (labels, 1)
        };
        self.alerts.iter().map(sample).collect()
    }
}

/// Returns the scenarios of an alert whose failure starts at [`START`] and ends at `end`.
fn scenarios(alert: &Alert, fires: Duration, end: Duration) -> Vec<Scenario> {
    let (check, mode) = (alert.check, alert.modes[0]);
    let failing = [(START, end)];
    let while_failing = Some((fires, end + KEEP_FIRING_FOR));
    let scenario = |cluster, severity, series: Vec<Series>, fires| Scenario {
        cluster,
        series,
        alerts: vec![(check, mode, severity)],
        fires,
    };
    let one = |cluster: &'static str, severity, spans: &[Span], fires| {
        let series = Exporter::sidecar(cluster).root(check, mode, severity, spans);
        scenario(cluster, severity, vec![series], fires)
    };
    let every = "every-mode";
    let critical = |(check, mode)| (check, mode, Severity::Critical);
    let of_pair =
        |(check, mode)| Exporter::sidecar(every).root(check, mode, Severity::Critical, &failing);
    let gap = KEEP_FIRING_FOR.saturating_sub(MINUTE);
    let back = end + gap + 5 * MINUTE;
    let both = "sidecar-and-companion";
    let root = |exporter: Exporter| exporter.root(check, mode, Severity::Critical, &failing);
    let consequence =
        |exporter: Exporter| exporter.consequence(check, mode, cause(alert), &failing);
    let mixed = "root-and-consequence";
    let mut scenarios = vec![
        Scenario {
            cluster: every,
            series: pairs(alert).into_iter().map(of_pair).collect(),
            alerts: pairs(alert).into_iter().map(critical).collect(),
            fires: while_failing,
        },
        one("warning", Severity::Warning, &failing, while_failing),
        one("info", Severity::Info, &failing, while_failing),
        one(
            "exporter-restarts",
            Severity::Critical,
            &[(START, end), (end + gap, back)],
            Some((fires, back + KEEP_FIRING_FOR)),
        ),
        scenario(
            both,
            Severity::Critical,
            vec![
                root(Exporter::sidecar(both)),
                root(Exporter::companion(both)),
            ],
            while_failing,
        ),
        scenario(
            mixed,
            Severity::Critical,
            vec![
                root(Exporter::sidecar(mixed)),
                consequence(Exporter::companion(mixed)),
            ],
            while_failing,
        ),
        scenario(
            "consequence",
            Severity::Critical,
            vec![consequence(Exporter::sidecar("consequence"))],
            None,
        ),
    ];
    scenarios.extend(explained(alert, end));
    scenarios
}

/// Returns a check whose failure explains an alert's; any check if none does.
fn cause(alert: &Alert) -> CheckId {
    let (check, mode) = (alert.check, alert.modes[0]);
    let other = if check == CheckId::Dns {
        CheckId::Apiserver
    } else {
        CheckId::Dns
    };
    explaining(check, mode)
        .next()
        .map_or(other, |relation| relation.cause)
}

/// Returns scenarios in which another exporter sees a failure that explains this one.
fn explained(alert: &Alert, end: Duration) -> Vec<Scenario> {
    let (check, mode) = (alert.check, alert.modes[0]);
    let outlasted = end + OUTLASTS_CAUSE + alert.for_duration();
    let long = (START, outlasted + 5 * MINUTE);
    let explained = alert.explained_by().into_iter().map(|cause| {
        let cluster = cause.label();
        let failure = Exporter::companion(cluster).root(check, mode, Severity::Critical, &[long]);
        Scenario {
            cluster,
            series: vec![
                cause_series(alert, cause, Severity::Critical, cluster, end),
                failure,
            ],
            alerts: vec![(check, mode, Severity::Critical)],
            fires: Some((outlasted, long.1 + KEEP_FIRING_FOR)),
        }
    });
    let mut scenarios: Vec<Scenario> = explained.collect();
    if let Some(cause) = alert.explained_by().first() {
        let too_low = if alert.can_stop_agent() {
            Severity::Warning
        } else {
            Severity::Info
        };
        let cluster = "cause-of-lower-severity";
        let fires = START + alert.for_duration();
        let failure =
            Exporter::companion(cluster).root(check, mode, Severity::Critical, &[(START, end)]);
        scenarios.push(Scenario {
            cluster,
            series: vec![cause_series(alert, *cause, too_low, cluster, end), failure],
            alerts: vec![(check, mode, Severity::Critical)],
            fires: Some((fires, end + KEEP_FIRING_FOR)),
        });
    }
    scenarios
}

/// Returns the failure of a cause as the sidecar sees it.
fn cause_series(
    alert: &Alert,
    cause: CheckId,
    severity: Severity,
    cluster: &'static str,
    end: Duration,
) -> Series {
    let explains = |relation: &&Relation| {
        relation.cause == cause && !matches!(relation.effect, Effect::Blocks)
    };
    let relation = alert
        .modes
        .iter()
        .find_map(|mode| explaining(alert.check, *mode).find(explains));
    let mode = relation.map_or(alert.modes[0], |relation| relation.modes[0]);
    Exporter::sidecar(cluster).root(cause, mode, severity, &[(START, end)])
}
