//! What promtool tests the rules with: for every alert when it fires, when it does not, and when it ends.

mod exporter_alerts;
mod failure_alerts;
mod simulated_exporter;
mod test_case;

use castai_health_exporter::alerting::file::GeneratedFile;
use castai_health_exporter::alerting::settings::Settings;
use castai_health_exporter::alerting::yaml::Yaml;
use castai_health_exporter::catalogue::CheckId;
use castai_health_exporter::catalogue::alert::ALERTS;

use crate::generate::YAML_HEADER;
use crate::promtool::test_case::TestCase;

/// Folder of the rule tests.
pub(crate) const RULE_TESTS: &str = "alerts/tests";

/// Returns one file of tests per group of rules.
pub(crate) fn files(settings: &Settings<'_>) -> Vec<GeneratedFile> {
    let checks = CheckId::ALL
        .iter()
        .filter(|check| ALERTS.iter().any(|alert| alert.check == **check));
    let of_checks = checks.map(|check| {
        file(
            check.label(),
            "30s",
            &failure_alerts::test_cases(*check, settings),
        )
    });
    let of_others = [
        file("exporter", "1m", &exporter_alerts::exporter(settings)),
        file("slo", "1m", &exporter_alerts::slo(settings)),
    ];
    of_checks.chain(of_others).collect()
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
