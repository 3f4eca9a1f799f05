//! Tests of the alerts that belong to no single failure mode: about the exporter itself, and
//! missing results.

mod checks;
mod course;
mod values;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::catalogue::ExporterAlert;

use crate::promtool::exporter_alerts::course::{Course, SIDECAR, minutes};
use crate::promtool::notification::of_exporter_alert;
use crate::promtool::series::{Exporter, MINUTE, present};
use crate::promtool::test_case::{ExpectedNotifications, TestCase};

const COMPANION: Exporter = Exporter::companion("one");

/// Labels of an alert besides cluster, namespace and severity.
type Labels = &'static [(&'static str, &'static str)];

/// Returns the tests of the alerts that are wanted.
pub(super) fn test_cases(
    settings: &GeneratorOptions<'_>,
    wanted: impl Fn(&ExporterAlert) -> bool,
) -> Vec<TestCase> {
    let alerts = ExporterAlert::ALL.iter().copied().filter(wanted);
    alerts.flat_map(|alert| of_alert(alert, settings)).collect()
}

fn of_alert(alert: ExporterAlert, settings: &GeneratorOptions<'_>) -> Vec<TestCase> {
    let severity = [("severity", alert.entry().severity.label())];
    let labels = [labels(alert), &severity].concat();
    let notification = of_exporter_alert(alert, &labels, settings.runbook_base);
    let name = alert.entry().name;
    let case = |course: Course| {
        let at = |(minute, fires): &(u32, bool)| ExpectedNotifications {
            at: *minute * MINUTE,
            alert: name,
            notifications: fires.then(|| notification.clone()).into_iter().collect(),
        };
        TestCase {
            name: format!("{name} {}", course.what),
            series: course.series,
            notifications: course.fires.iter().map(at).collect(),
            results: Vec::new(),
        }
    };
    courses(alert).into_iter().map(case).collect()
}

fn labels(alert: ExporterAlert) -> Labels {
    match alert {
        ExporterAlert::VantageAbsent => &[("vantage", "sidecar")],
        ExporterAlert::UnclassifiedLines => &[("source", "agent")],
        ExporterAlert::SameRootInManyClusters => {
            &[("check", "castai_api"), ("mode", "net_refused")]
        }
        ExporterAlert::CheckFailing
        | ExporterAlert::CheckUnknown
        | ExporterAlert::CheckStalled
        | ExporterAlert::CheckPanicked
        | ExporterAlert::ExporterThrottled
        | ExporterAlert::CertificateExpiring => &[("check", "apiserver")],
        _ => &[],
    }
}

fn courses(alert: ExporterAlert) -> Vec<Course> {
    match alert {
        ExporterAlert::ExporterAbsent => exporter_absent(),
        ExporterAlert::VantageAbsent => vantage_absent(),
        ExporterAlert::CheckFailing => checks::check_failing(),
        ExporterAlert::CheckUnknown => checks::check_unknown(),
        ExporterAlert::CheckStalled => checks::check_stalled(),
        ExporterAlert::SameRootInManyClusters => checks::same_root_in_many_clusters(),
        ExporterAlert::Watchdog => vec![Course {
            what: "always fires",
            series: Vec::new(),
            fires: &[(1, true), (60, true)],
        }],
        // Tested with the recorded series it needs.
        ExporterAlert::ErrorBudgetBurn => Vec::new(),
        ExporterAlert::SidecarMissing => values::sidecar_missing(),
        ExporterAlert::CheckPanicked => values::check_panicked(),
        ExporterAlert::ExporterThrottled => values::exporter_throttled(),
        ExporterAlert::ReloadFailed => values::reload_failed(),
        ExporterAlert::UnclassifiedLines => values::unclassified_lines(),
        ExporterAlert::CertificateExpiring => values::certificate_expiring(),
    }
}

fn exporter_absent() -> Vec<Course> {
    let gone = SIDECAR.info(&present(&[minutes(0, 10)]));
    let other_pod = Exporter {
        instance: "10.0.0.9:9878",
        ..SIDECAR
    };
    vec![
        Course {
            what: "fires when the sidecar disappears with the agent, and resolves after a day",
            series: vec![gone.clone()],
            fires: &[(24, false), (26, true), (1440, true), (1470, false)],
        },
        Course {
            what: "fires while scrapes fail",
            series: vec![gone.clone(), SIDECAR.series("up", "", "1x19 0x3000")],
            fires: &[(24, false), (26, true)],
        },
        Course {
            what: "fires once for both exporters, whatever the names of their jobs, and resolves",
            series: vec![
                gone.clone(),
                COMPANION.info(&present(&[minutes(0, 9), minutes(40, 80)])),
            ],
            fires: &[(24, false), (26, true), (44, true), (46, false)],
        },
        Course {
            what: "is silent during a restart of nine minutes",
            series: vec![SIDECAR.info(&present(&[minutes(0, 10), minutes(19, 80)]))],
            fires: &[(16, false), (21, false), (26, false)],
        },
        Course {
            what: "is silent when the pod is replaced",
            series: vec![gone, other_pod.info(&present(&[minutes(12, 80)]))],
            fires: &[(26, false)],
        },
        Course {
            what: "is silent where no exporter was ever installed",
            series: Vec::new(),
            fires: &[(26, false)],
        },
    ]
}

fn vantage_absent() -> Vec<Course> {
    let gone = SIDECAR.info(&present(&[minutes(0, 10)]));
    let stays = COMPANION.info(&present(&[minutes(0, 120)]));
    vec![
        Course {
            what: "fires when one of two vantages is absent, and resolves",
            series: vec![
                SIDECAR.info(&present(&[minutes(0, 10), minutes(40, 80)])),
                stays.clone(),
            ],
            fires: &[(24, false), (26, true), (44, true), (46, false)],
        },
        Course {
            what: "is silent during a restart of nine minutes",
            series: vec![
                SIDECAR.info(&present(&[minutes(0, 10), minutes(19, 80)])),
                stays,
            ],
            fires: &[(16, false), (26, false)],
        },
        Course {
            what: "is silent when both are absent, which is another alert",
            series: vec![gone, COMPANION.info(&present(&[minutes(0, 10)]))],
            fires: &[(26, false), (40, false)],
        },
    ]
}
