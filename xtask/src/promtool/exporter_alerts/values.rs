//! Courses of the alerts on the value of a series.

use crate::promtool::exporter_alerts::course::{APISERVER, Course, series};
use crate::promtool::series::Series;

/// Description, values, and whether the alert fires at some minutes.
type Row = (&'static str, &'static str, &'static [(u32, bool)]);

/// Returns the courses of an alert, given the series that have the values.
fn courses(of: impl Fn(&str) -> Vec<Series>, rows: [Row; 2]) -> Vec<Course> {
    let course = |(what, values, fires)| Course {
        what,
        series: of(values),
        fires,
    };
    rows.into_iter().map(course).collect()
}

pub(super) fn sidecar_missing() -> Vec<Course> {
    courses(
        |values| vec![series("agent_pods", "exporter=\"missing\"", values)],
        [
            (
                "fires while a pod lacks the sidecar, and resolves when it is replaced",
                "0x19 1x99 0x200",
                &[(24, false), (26, true), (64, true), (66, false)],
            ),
            (
                "is silent while pods are replaced",
                "0x19 1x10 0x100",
                &[(26, false)],
            ),
        ],
    )
}

pub(super) fn check_panicked() -> Vec<Course> {
    courses(
        |values| vec![series("check_panics_total", APISERVER, values)],
        [
            (
                "fires after a panic, and resolves",
                "_x19 1x200",
                &[(9, false), (11, true), (40, false)],
            ),
            ("is silent without new panics", "3x200", &[(30, false)]),
        ],
    )
}

pub(super) fn exporter_throttled() -> Vec<Course> {
    let interval = || series("check_interval_seconds", APISERVER, "30x400");
    courses(
        |values| {
            vec![
                interval(),
                series("check_throttled_total", APISERVER, values),
            ]
        },
        [
            (
                "fires while most attempts are throttled, and resolves",
                "_x19 2+2x200 400x200",
                &[(40, false), (60, true), (110, true), (130, false)],
            ),
            (
                "is silent while few attempts are throttled",
                "0+0.2x400",
                &[(60, false)],
            ),
        ],
    )
}

pub(super) fn reload_failed() -> Vec<Course> {
    courses(
        |values| vec![series("config_last_reload_successful", "", values)],
        [
            (
                "fires while reloads fail, and resolves",
                "1x19 0x99 1x200",
                &[(19, false), (21, true), (64, true), (66, false)],
            ),
            (
                "is silent after a successful reload",
                "1x19 0x5 1x200",
                &[(21, false)],
            ),
        ],
    )
}

pub(super) fn unclassified_lines() -> Vec<Course> {
    courses(
        |values| {
            vec![series(
                "unclassified_lines_total",
                "source=\"agent\"",
                values,
            )]
        },
        [
            (
                "fires on unclassified lines, and resolves after an hour",
                "0x19 3x300",
                &[(19, false), (21, true), (73, true), (77, false)],
            ),
            ("is silent without new lines", "3x200", &[(30, false)]),
        ],
    )
}

pub(super) fn certificate_expiring() -> Vec<Course> {
    let labels = "check=\"apiserver\",target=\"10.0.0.1:443\"";
    courses(
        |values| {
            let metric = "tls_certificate_not_after_timestamp_seconds";
            vec![series(metric, labels, values)]
        },
        [
            (
                "fires within the last week, and resolves when it is renewed",
                "259200x179 9999999x200",
                &[(59, false), (61, true), (94, true), (96, false)],
            ),
            (
                "is silent before",
                "2592000x300",
                &[(61, false), (120, false)],
            ),
        ],
    )
}
