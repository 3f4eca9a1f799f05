//! Tests of rules, routes and inhibitions with promtool and amtool.

use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use castai_health_exporter::alerting::alertmanager;
use castai_health_exporter::alerting::alertmanager::inhibition;
use castai_health_exporter::catalogue::{CheckId, ExporterAlert};
use test_support::committed::{Committed, committed, committed_file};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

fn run(program: &str, arguments: &[&str]) -> Output {
    let run = Command::new(program)
        .args(arguments)
        .current_dir(REPOSITORY)
        .output();
    run.unwrap_or_else(|error| panic!("{program}: {error}; run `make install`"))
}

/// Runs a program that must succeed and returns its output.
fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words).into_owned();
    assert!(
        output.status.success(),
        "{program} {}: {words}",
        arguments.join(" ")
    );
    words
}

/// Returns the latest promtool, which `scripts/build-prometheus` builds.
fn newest_promtool() -> String {
    let folder = std::env::var_os("PROMETHEUS_TEST_BINARIES").expect("`make test` sets it");
    Path::new(&folder).join("promtool").display().to_string()
}

#[test]
fn old_and_new_promtool_accept_the_rules() {
    for promtool in ["promtool", &newest_promtool()] {
        println!("{}", output_of(promtool, &["--version"]));
        for file in committed("alerts/rules") {
            let words = output_of(
                promtool,
                &["check", "rules", "--lint=all", "--lint-fatal", &file.path],
            );
            assert!(words.contains("SUCCESS"), "{words}");
        }
    }
}

#[test]
fn promtool_tests_pass() {
    assert!(committed("alerts/tests").len() > CheckId::ALL.len());
    all_tests_pass("promtool");
}

#[test]
fn promtool_tests_pass_with_newest_promtool() {
    all_tests_pass(&newest_promtool());
}

fn all_tests_pass(promtool: &str) {
    let test = |file: Committed| {
        let promtool = promtool.to_owned();
        thread::spawn(move || output_of(&promtool, &["test", "rules", &file.path]))
    };
    let tests: Vec<_> = committed("alerts/tests").into_iter().map(test).collect();
    for test in tests {
        test.join().expect("promtool passes");
    }
}

#[test]
fn promtool_test_with_wrong_expectation_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dns_test.yaml");
    let contents = committed_file("alerts/tests/dns_test.yaml")
        .replace("'../rules/", &format!("'{REPOSITORY}/alerts/rules/"));
    let wrong = contents.replace("'critical'", "'warning'");
    assert_ne!(contents, wrong);
    std::fs::write(&path, wrong).unwrap();
    assert!(
        !run("promtool", &["test", "rules", path.to_str().unwrap()])
            .status
            .success()
    );
}

#[test]
fn amtool_accepts_the_configuration_and_routes_by_severity() {
    let configuration = "alerts/alertmanager/alertmanager.yaml";
    let words = output_of("amtool", &["check-config", configuration]);
    assert!(
        words.contains(&format!(
            "{} inhibit rules",
            inhibition::inhibitions().len()
        )),
        "{words}"
    );
    println!("{:<45} {:<10} receiver", "alert", "severity");
    let watchdog = ExporterAlert::Watchdog.entry();
    let rows = alertmanager::alert_names()
        .filter(|name| *name != watchdog.name)
        .zip(["critical", "warning", "info"].into_iter().cycle())
        .chain([(watchdog.name, "none"), ("SomebodyElses", "critical")]);
    for (name, severity) in rows {
        let labels = [format!("alertname={name}"), format!("severity={severity}")];
        let arguments = [
            "config",
            "routes",
            "test",
            "--config.file",
            configuration,
            &labels[0],
            &labels[1],
        ];
        let receiver = output_of("amtool", &arguments);
        let receiver = receiver
            .lines()
            .find(|line| !line.starts_with("Warning"))
            .unwrap_or_default();
        let expected = if name == "SomebodyElses" {
            "castai-null"
        } else {
            alertmanager::receiver_of(name, severity)
        };
        println!("{name:<45} {severity:<10} {receiver}");
        assert_eq!(receiver, expected, "{name} {severity}");
    }
}
