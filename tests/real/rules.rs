//! Tests of the rules with promtool, and of the example for Alertmanager with amtool.

use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use castai_health_exporter::alerting::file::OPTIONAL_RULES;
use castai_health_exporter::catalogue::alert::ALERTS;
use castai_health_exporter::catalogue::{ExporterAlert, Severity};
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
        for path in rule_files() {
            let words = output_of(
                promtool,
                &["check", "rules", "--lint=all", "--lint-fatal", &path],
            );
            assert!(words.contains("SUCCESS"), "{words}");
        }
    }
}

/// Returns the paths of all rules, including the optional ones.
fn rule_files() -> impl Iterator<Item = String> {
    let files = committed("alerts/rules").into_iter().map(|file| file.path);
    files.chain([OPTIONAL_RULES.to_owned()])
}

#[test]
fn promtool_tests_pass() {
    for path in rule_files() {
        let name = Path::new(&path)
            .file_stem()
            .expect("it is a file")
            .display()
            .to_string();
        committed_file(&format!("alerts/tests/{name}_test.yaml"));
    }
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
    let path = folder.path().join("kubernetes_test.yaml");
    let contents = committed_file("alerts/tests/kubernetes_test.yaml")
        .replace("'../rules/", &format!("'{REPOSITORY}/alerts/rules/"));
    let test = |contents: &str| {
        std::fs::write(&path, contents).unwrap();
        let output = run("promtool", &["test", "rules", path.to_str().unwrap()]);
        output.status.success()
    };
    assert!(test(&contents));
    for (right, wrong) in [
        ("severity: 'critical'", "severity: 'warning'"),
        ("mode: 'net_dns_nxdomain'", "mode: 'net_dns_timeout'"),
        ("the resolver answered NXDOMAIN", "the resolver is slow"),
        (
            "cluster=\"info\"}', value: 1",
            "cluster=\"info\"}', value: 2",
        ),
    ] {
        let wrong = contents.replace(right, wrong);
        assert_ne!(contents, wrong);
        assert!(
            !test(&wrong),
            "promtool does not notice the lack of {right}"
        );
    }
}

#[test]
fn amtool_accepts_the_example_and_routes_by_severity() {
    const CONFIGURATION: &str = "alerts/alertmanager/alertmanager.yaml";
    let words = output_of("amtool", &["check-config", CONFIGURATION]);
    assert!(words.contains("0 inhibit rules"), "{words}");
    let failures = ALERTS.iter().flat_map(|alert| {
        Severity::OF_FAILURES
            .iter()
            .map(|severity| (alert.name, *severity))
    });
    let exporter = ExporterAlert::ALL.iter().map(|alert| alert.entry());
    let ours = failures.chain(exporter.map(|entry| (entry.name, entry.severity)));
    println!("{:<45} {:<10} receiver", "alert", "severity");
    for (name, severity) in ours.chain([("SomeoneElses", Severity::Critical)]) {
        let receiver = receiver_of(CONFIGURATION, name, severity);
        println!("{name:<45} {:<10} {receiver}", severity.label());
        let expected = match severity {
            _ if name == "SomeoneElses" => "default",
            Severity::Critical => "pager",
            Severity::Warning => "tickets",
            Severity::Info => "nobody",
            Severity::None => "dead-mans-switch",
        };
        assert_eq!(receiver, expected, "{name} {}", severity.label());
    }
}

/// Returns the receiver that Alertmanager notifies of an alert.
fn receiver_of(configuration: &str, name: &str, severity: Severity) -> String {
    let labels = [
        format!("alertname={name}"),
        format!("severity={}", severity.label()),
    ];
    let command = ["config", "routes", "test", "--config.file", configuration];
    let arguments = [&command[..], &[&labels[0], &labels[1]]].concat();
    let words = output_of("amtool", &arguments);
    let receiver = words.lines().find(|line| !line.starts_with("Warning"));
    receiver.unwrap_or_default().to_owned()
}
