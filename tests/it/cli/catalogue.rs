//! `catalogue` and `generate`.

use std::fs;

use serde_json::{Value, json};

use crate::cli::{program, run};

#[test]
fn catalogue_lists_metrics_with_label_values() {
    let catalogue: Value =
        serde_json::from_str(&run(&mut program(&["catalogue", "-o", "json"])).stdout)
            .expect("output is JSON");
    let metrics = catalogue["metrics"].as_array().expect("a list");
    let status = metrics
        .iter()
        .find(|metric| metric["name"] == "castai_health_check_status")
        .expect("it is listed");
    assert_eq!(
        status["labels"][1]["values"],
        json!(["ok", "warning", "failing", "unknown", "not_applicable"])
    );
    let text = run(&mut program(&["catalogue"])).stdout;
    assert!(text.contains("castai_health_check_status"), "{text}");
    let titles: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(' '))
        .collect();
    assert_eq!(titles, ["CHECKS", "FAILURE MODES", "ALERTS", "METRICS"]);
}

#[test]
fn generate_writes_changes_and_check_lists_them() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().to_str().expect("UTF-8");
    let runbook = dir.path().join("alerts/runbooks/CastaiClockSkew.md");
    let check = || run(&mut program(&["generate", path, "--check"]));
    assert_eq!(check().code, Some(1));
    assert!(!runbook.exists());
    assert_eq!(run(&mut program(&["generate", path])).code, Some(0));
    assert_eq!((check().code, check().stdout.as_str()), (Some(0), ""));

    fs::copy(&runbook, runbook.with_file_name("CastaiGone.md")).unwrap();
    fs::write(&runbook, "changed").unwrap();
    let listed = check();
    let expected = "alerts/runbooks/CastaiClockSkew.md\nalerts/runbooks/CastaiGone.md (stale)\n";
    assert_eq!((listed.code, listed.stdout.as_str()), (Some(1), expected));
    assert_eq!(fs::read_to_string(&runbook).unwrap(), "changed");
}

#[test]
fn runbook_base_url_has_one_spelling_and_is_validated_everywhere() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = dir.path().to_str().expect("UTF-8");
    for command in [&["generate", dir][..], &["run"], &["check"]] {
        let output = run(program(command).args(["--runbook.base-url", "runbooks"]));
        assert!(
            output.code == Some(2) && output.stderr.contains("--runbook.base-url"),
            "{command:?}: {}",
            output.stderr
        );
    }
}

#[test]
fn quiet_generate_lists_no_files() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().to_str().expect("UTF-8");
    let output = run(&mut program(&["generate", path, "--quiet", "--check"]));
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
}
