//! Tests of the alerts on the error budget.

use std::time::Duration;

use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::catalogue::{CheckId, ExporterAlert, FailureMode, Severity};

use crate::promtool::notification::{Notification, of_exporter_alert};
use crate::promtool::series::{Exporter, MINUTE, Series, Span};
use crate::promtool::test_case::{ExpectedNotifications, TestCase};

const SIDECAR: Exporter = Exporter::sidecar("one");
/// The time in which attempts fail: two hours after an hour and a half of history.
const FAILING: &[Span] = &[(Duration::from_mins(90), Duration::from_mins(210))];
/// Failed attempts in that time: all of them.
const ALL_FAIL: &str = "0x179 0+1x240 240x900";

/// Returns the test cases of the group `slo`.
pub(super) fn test_cases(settings: &GeneratorOptions<'_>) -> Vec<TestCase> {
    let burns = |severity: &'static str, long: &'static str, short: &'static str| {
        let labels = [
            ("check", "castai_api"),
            ("severity", severity),
            ("long", long),
            ("short", short),
        ];
        of_exporter_alert(
            ExporterAlert::ErrorBudgetBurn,
            &labels,
            settings.runbook_base,
        )
    };
    let (hour, hours, day) = (
        burns("critical", "1h", "5m"),
        burns("critical", "6h", "30m"),
        burns("warning", "1d", "2h"),
    );
    let silent = |minutes: &[u32]| {
        minutes
            .iter()
            .map(|at| (*at, Vec::new()))
            .collect::<Vec<_>>()
    };
    let root = |check, mode| SIDECAR.root(check, mode, Severity::Critical, FAILING);
    let refused = FailureMode::NetRefused;
    // Each window is checked while attempts fail, at their end and when the window has passed.
    let all_windows = silent(&[
        92, 105, 150, 205, 212, 217, 225, 235, 245, 270, 320, 340, 400,
    ]);
    vec![
        case(
            "fires while every other attempt fails without a lasting failure, and resolves",
            attempts("0x179 0+0.5x240 120x900"),
            vec![
                (85, vec![]),
                (103, vec![]),
                (130, vec![hour.clone()]),
                (150, vec![hour.clone(), hours.clone()]),
                (190, vec![hour.clone(), hours.clone(), day.clone()]),
                (218, vec![hour.clone(), hours.clone(), day.clone()]),
                (220, vec![hours.clone(), day.clone()]),
                (260, vec![day]),
                (400, vec![]),
            ],
        ),
        case(
            "fires although an alert of another check names a cause there",
            [
                attempts("0x179 0+0.5x240 120x900"),
                vec![root(CheckId::Apiserver, refused)],
            ]
            .concat(),
            vec![(150, vec![hour.clone(), hours])],
        ),
        case(
            "is silent while an alert names the cause, and afterwards",
            [attempts(ALL_FAIL), vec![root(CheckId::CastaiApi, refused)]].concat(),
            all_windows.clone(),
        ),
        case(
            "is silent while another check's failure explains the failures, and afterwards",
            [
                attempts(ALL_FAIL),
                vec![SIDECAR.consequence(CheckId::CastaiApi, refused, CheckId::Apiserver, FAILING)],
            ]
            .concat(),
            all_windows,
        ),
        case(
            "fires long after alerts with a cause would, if there is no history",
            attempts("0+1x100"),
            vec![(3, vec![]), (16, vec![]), (18, vec![hour])],
        ),
        case(
            "is silent while one in a thousand attempts fails",
            attempts("0+0.001x1300"),
            silent(&[60, 400, 600]),
        ),
    ]
}

/// Returns the counters of attempts and of failed ones.
fn attempts(failures: &str) -> Vec<Series> {
    let counter = |counted: &str, values: &str| {
        let metric = format!("castai_health_check_{counted}_total");
        SIDECAR.series(&metric, "check=\"castai_api\"", values)
    };
    vec![
        counter("attempts", "0+1x1300"),
        counter("failures", failures),
    ]
}

fn case(what: &str, series: Vec<Series>, expected: Vec<(u32, Vec<Notification>)>) -> TestCase {
    let alert = ExporterAlert::ErrorBudgetBurn.entry().name;
    let at = |(minutes, notifications)| ExpectedNotifications {
        at: minutes * MINUTE,
        alert,
        notifications,
    };
    TestCase {
        name: format!("{alert} {what}"),
        series,
        notifications: expected.into_iter().map(at).collect(),
        results: Vec::new(),
    }
}
