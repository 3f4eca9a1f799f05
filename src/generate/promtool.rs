//! What promtool tests the rules with: for every alert when it fires, when it does not, and when it ends.

mod case;
mod own;
mod pairs;
mod timeline;

use crate::catalogue::Check;
use crate::catalogue::alerts::ALERTS;
use crate::generate::promtool::case::Case;
use crate::generate::rules::Settings;
use crate::generate::yaml::Yaml;
use crate::generate::{File, RULE_TESTS, yaml_file};

/// A file of tests for each group of rules.
pub fn files(settings: &Settings<'_>) -> Vec<File> {
    let checks = Check::ALL
        .iter()
        .filter(|check| ALERTS.iter().any(|alert| alert.check == **check));
    let of_checks = checks.map(|check| file(check.label(), "30s", &pairs::cases(*check, settings)));
    let of_others = [
        file("exporter", "1m", &own::exporter(settings)),
        file("slo", "1m", &own::slo(settings)),
    ];
    of_checks.chain(of_others).collect()
}

fn file(group: &str, every: &str, cases: &[Case]) -> File {
    let document = Yaml::map([
        (
            "rule_files",
            Yaml::texts([format!("../rules/{group}.yaml")]),
        ),
        ("evaluation_interval", Yaml::plain(every)),
        ("tests", Yaml::List(cases.iter().map(Case::yaml).collect())),
    ]);
    yaml_file(
        format!("{RULE_TESTS}/{group}_test.yaml"),
        &document.document(),
    )
}
