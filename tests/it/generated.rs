//! Committed files that users can generate as well; `cargo test --package xtask` compares the rest.

use std::fs;
use std::path::Path;

use castai_health_exporter::alerting;
use castai_health_exporter::alerting::directory;
use castai_health_exporter::alerting::file::RUNBOOKS;
use castai_health_exporter::alerting::generator_options::GeneratorOptions;
use castai_health_exporter::catalogue::alert::{covering, modes_of};
use castai_health_exporter::catalogue::{CheckId, runbook_url};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(REPOSITORY).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}; run `cargo xtask generate`"))
}

#[test]
fn committed_rules_runbooks_and_dashboards_are_up_to_date() {
    let changes = directory::changes(
        Path::new(REPOSITORY),
        alerting::files(&GeneratorOptions::DEFAULT),
        alerting::FOLDERS,
        &alerting::HEADERS,
    );
    let outdated: Vec<String> = changes.unwrap().iter().map(ToString::to_string).collect();
    assert!(
        outdated.is_empty(),
        "run `cargo xtask generate`: {outdated:?}"
    );
}

#[test]
fn every_runbook_url_points_to_an_existing_section() {
    let mut sections = 0;
    for check in CheckId::ALL {
        for mode in modes_of(*check) {
            let alert =
                covering(*check, mode).unwrap_or_else(|| panic!("{check} {mode} has no alert"));
            let url = runbook_url(RUNBOOKS, *check, mode).expect("the pair has an alert");
            let (page, anchor) = url.split_once('#').expect("the URL has an anchor");
            assert_eq!(page, format!("{RUNBOOKS}/{}.md", alert.name));
            let element = format!("<a id=\"{anchor}\"></a>");
            assert_eq!(read(page).matches(&element).count(), 1, "{url}");
            sections += 1;
        }
    }
    assert!(sections > 50, "{sections}");
}

#[test]
fn runbooks_follow_the_prometheus_operator_template() {
    for file in alerting::files(&GeneratorOptions::DEFAULT)
        .iter()
        .filter(|file| file.path.starts_with(RUNBOOKS) && file.path.contains("Castai"))
    {
        let titles: Vec<&str> = file
            .contents
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        assert_eq!(
            titles,
            ["Meaning", "Impact", "Diagnosis", "Mitigation"],
            "{}",
            file.path
        );
    }
}
