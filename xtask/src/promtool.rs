//! Rule tests for promtool: when each alert fires, stays silent and resolves.

mod exporter_alert_test;
mod exporter_alerts;
mod failure_alerts;
mod simulated_exporter;
mod slo_alerts;
mod test_case;

use castai_health_exporter::alerting::file::GeneratedFile;
use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::alerting::yaml::Yaml;
use castai_health_exporter::catalogue::CheckId;
use castai_health_exporter::catalogue::alert::ALERTS;

use crate::header::YAML_HEADER;
use crate::promtool::test_case::TestCase;

/// Folder of the rule tests.
pub(crate) const RULE_TESTS: &str = "alerts/tests";

/// Returns one file of tests per group of rules.
pub(crate) fn files(settings: &GeneratorOptions<'_>) -> Vec<GeneratedFile> {
    let checks = CheckId::ALL
        .iter()
        .filter(|check| ALERTS.iter().any(|alert| alert.check == **check));
    let failures = checks.map(|check| {
        file(
            check.label(),
            "30s",
            &failure_alerts::test_cases(*check, settings),
        )
    });
    let others = [
        file("exporter", "1m", &exporter_alerts::exporter(settings)),
        file("slo", "1m", &slo_alerts::test_cases(settings)),
    ];
    failures.chain(others).collect()
}

fn file(group: &str, every: &str, cases: &[TestCase]) -> GeneratedFile {
    let document = Yaml::map([
        (
            "rule_files",
            Yaml::texts([format!("../rules/{group}.yaml")]),
        ),
        ("evaluation_interval", Yaml::plain(every)),
        (
            "tests",
            Yaml::List(cases.iter().map(TestCase::yaml).collect()),
        ),
    ]);
    GeneratedFile {
        path: format!("{RULE_TESTS}/{group}_test.yaml"),
        contents: format!("{YAML_HEADER}{}", document.document()),
    }
}
