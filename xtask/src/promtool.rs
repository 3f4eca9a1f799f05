//! Rule tests for promtool: when each alert fires, what it says, when it stays silent and resolves.

mod exporter_alerts;
mod failure_alerts;
mod notification;
mod one_root;
mod series;
mod slo_alerts;
mod test_case;

use std::time::Duration;

use castai_health_exporter::alerting::file::{GeneratedFile, OPTIONAL_RULES, RULES};
use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::rules::group::EVALUATION_INTERVAL;
use castai_health_exporter::alerting::time_scale::TimeScale;
use castai_health_exporter::alerting::yaml::Yaml;
use castai_health_exporter::catalogue::alert::AREAS;

use crate::header::YAML_HEADER;
use crate::promtool::series::STEP;
use crate::promtool::test_case::TestCase;

/// Folder of the rule tests.
pub(crate) const RULE_TESTS: &str = "alerts/tests";

/// Returns one file of tests per group of rules, and one about all groups together.
pub(crate) fn files(settings: &GeneratorOptions<'_>) -> Vec<GeneratedFile> {
    let rules = |groups: &[&str]| -> Vec<String> {
        let path = |group: &&str| format!("{RULES}/{group}.yaml");
        groups.iter().map(path).collect()
    };
    let failures = AREAS.iter().map(|(area, alerts)| {
        let cases = failure_alerts::test_cases(alerts, settings);
        file(area, STEP, &rules(&[*area]), &cases)
    });
    let exporter = exporter_alerts::test_cases(settings, |alert| !alert.is_optional());
    let optional = exporter_alerts::test_cases(settings, |alert| alert.is_optional());
    let slo = slo_alerts::test_cases(settings);
    let areas = AREAS.iter().map(|(area, _)| *area);
    let all: Vec<&str> = areas.chain(["exporter", "slo"]).collect();
    failures
        .chain([
            // Some alerts depend on whether one that names the cause is firing.
            file(
                "exporter",
                EVALUATION_INTERVAL,
                &rules(&["exporter", "kubernetes"]),
                &exporter,
            ),
            file(
                "optional",
                EVALUATION_INTERVAL,
                &[OPTIONAL_RULES.to_owned()],
                &optional,
            ),
            file(
                "slo",
                EVALUATION_INTERVAL,
                &rules(&["slo", "castai_api", "kubernetes"]),
                &slo,
            ),
            file("one_root", STEP, &rules(&all), &one_root::test_cases()),
        ])
        .collect()
}

fn file(name: &str, interval: Duration, rules: &[String], cases: &[TestCase]) -> GeneratedFile {
    let from_tests = |path: &String| path.replacen("alerts/", "../", 1);
    let document = Yaml::map([
        ("rule_files", Yaml::texts(rules.iter().map(from_tests))),
        (
            "evaluation_interval",
            Yaml::plain(TimeScale::REAL_TIME.format(interval)),
        ),
        (
            "tests",
            Yaml::List(cases.iter().map(TestCase::yaml).collect()),
        ),
    ]);
    GeneratedFile {
        path: format!("{RULE_TESTS}/{name}_test.yaml"),
        contents: format!("{YAML_HEADER}{}", document.document()),
    }
}
