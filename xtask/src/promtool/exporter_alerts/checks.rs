//! Courses of the alerts about failures and missing results of checks.

use castai_health_exporter::catalogue::{CheckId, FailureMode, Severity};

use crate::promtool::exporter_alerts::course::{APISERVER, Course, SIDECAR, minutes, series};
use crate::promtool::series::{Exporter, Series, Span, present};

pub(super) fn check_failing() -> Vec<Course> {
    let check = CheckId::Apiserver;
    let failure = |mode, severity, spans: &[Span]| SIDECAR.root(check, mode, severity, spans);
    let alternating = |severity| {
        // An alert of a mode needs two minutes.
        let refused: Vec<Span> = (10..60)
            .step_by(2)
            .map(|minute| minutes(minute, minute + 1))
            .collect();
        let errors: Vec<Span> = (11..60)
            .step_by(2)
            .map(|minute| minutes(minute, minute + 1))
            .collect();
        vec![
            failure(FailureMode::NetRefused, severity, &refused),
            failure(FailureMode::K8sServerError, severity, &errors),
        ]
    };
    let steady = [minutes(10, 60)];
    vec![
        Course {
            what: "fires while modes alternate too fast for their alerts, and resolves",
            series: alternating(Severity::Critical),
            fires: &[(24, false), (26, true), (64, true), (66, false)],
        },
        Course {
            what: "is silent while an alert names the cause",
            series: vec![failure(
                FailureMode::NetRefused,
                Severity::Critical,
                &steady,
            )],
            fires: &[(11, false), (26, false), (50, false), (62, false)],
        },
        Course {
            what: "is silent about a consequence",
            series: vec![SIDECAR.consequence(
                check,
                FailureMode::TlsExpired,
                CheckId::Clock,
                &steady,
            )],
            fires: &[(26, false), (50, false)],
        },
        Course {
            what: "is silent about what the agent survives",
            series: alternating(Severity::Warning),
            fires: &[(26, false), (50, false)],
        },
    ]
}

pub(super) fn check_unknown() -> Vec<Course> {
    let unknown = |caused_by: &str, spans: &[Span]| {
        let labels = format!("check=\"apiserver\",caused_by=\"{caused_by}\"");
        vec![series("check_unknown", &labels, &present(spans))]
    };
    let often: Vec<Span> = (0..150)
        .step_by(10)
        .map(|minute| minutes(minute, minute + 9))
        .collect();
    vec![
        Course {
            what: "fires after an hour, and resolves",
            series: unknown("", &[minutes(10, 90)]),
            fires: &[(69, false), (71, true), (94, true), (96, false)],
        },
        Course {
            what: "is silent while another check's failure blocks the check",
            series: unknown("dns", &[minutes(10, 150)]),
            fires: &[(71, false), (140, false)],
        },
        Course {
            what: "is silent when the check succeeds from time to time",
            series: unknown("", &often),
            fires: &[(71, false), (140, false)],
        },
    ]
}

pub(super) fn check_stalled() -> Vec<Course> {
    vec![Course {
        what: "fires when a check makes no attempts, and resolves",
        series: vec![series("check_stalled", APISERVER, "_x19 1x100 _x200")],
        fires: &[(14, false), (16, true), (64, true), (72, false)],
    }]
}

pub(super) fn same_root_in_many_clusters() -> Vec<Course> {
    const CLUSTERS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let roots = |clusters: &[&'static str], severity| {
        let root = |cluster: &&'static str| {
            let exporter = Exporter::sidecar(cluster);
            exporter.root(
                CheckId::CastaiApi,
                FailureMode::NetRefused,
                severity,
                &[minutes(10, 60)],
            )
        };
        clusters.iter().map(root).collect::<Vec<Series>>()
    };
    let (last, nine) = CLUSTERS.split_last().expect("there are ten clusters");
    let consequence = Exporter::sidecar(last).consequence(
        CheckId::CastaiApi,
        FailureMode::NetRefused,
        CheckId::Apiserver,
        &[minutes(10, 60)],
    );
    vec![
        Course {
            what: "fires for ten clusters, and resolves",
            series: roots(&CLUSTERS, Severity::Critical),
            fires: &[(14, false), (16, true), (64, true), (66, false)],
        },
        Course {
            what: "is silent for nine clusters and a consequence",
            series: [roots(nine, Severity::Critical), vec![consequence]].concat(),
            fires: &[(16, false), (50, false)],
        },
        Course {
            what: "is silent about what the agents survive",
            series: roots(&CLUSTERS, Severity::Warning),
            fires: &[(16, false), (50, false)],
        },
    ]
}
