//! `check`: exit codes, output formats and what it refuses.

use std::fs;
use std::time::{Duration, Instant};

use castai_health_exporter::catalogue::CheckId;
use serde_json::Value;

use crate::cli::{program, run};

/// A valid kubeconfig with a plugin that returns no credential.
const WITHOUT_CREDENTIAL: &str = "\
apiVersion: v1
kind: Config
current-context: lab
contexts: [{name: lab, context: {cluster: lab, user: lab}}]
clusters: [{name: lab, cluster: {server: 'http://127.0.0.1:1'}}]
users:
- name: lab
  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: 'false', interactiveMode: Never}}
";

#[test]
fn check_exits_0_on_unknown_and_1_with_strict() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let kubeconfig = dir.path().join("config");
    fs::write(&kubeconfig, WITHOUT_CREDENTIAL).unwrap();
    let check = |flags: &[&str]| {
        let companion = [
            "check",
            "castai_api",
            "--vantage=companion",
            "--log.level=error",
        ];
        let mut command = program(&companion);
        command.args(flags).arg("--kubeconfig").arg(&kubeconfig);
        run(command.env("PATH", "/usr/bin:/bin"))
    };
    let output = check(&[]);
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    assert!(
        output.stdout.starts_with("? castai_api: unknown, "),
        "{}",
        output.stdout
    );
    assert!(
        output.stderr.is_empty(),
        "progress is for terminals: {}",
        output.stderr
    );
    assert_eq!(check(&["--strict"]).code, Some(1));
}

#[test]
fn unusable_kubeconfig_exits_2() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("config.yaml");
    fs::write(
        &file,
        "log: { level: info }\nkubeconfig: /nowhere/kubeconfig\n",
    )
    .unwrap();
    let file = file.to_str().expect("UTF-8");
    let wrong: [(&[&str], &str); 4] = [
        (
            &["check", "--kubeconfig=/dev/null"],
            "error: flag: --kubeconfig: ",
        ),
        (
            &["--config.check", "--kubeconfig=/dev/null"],
            "error: flag: --kubeconfig: ",
        ),
        (
            &["check", "dns", "--config.file", file],
            "config.yaml:2: kubeconfig: ",
        ),
        (
            &["--config.check", "--config.file", file],
            "config.yaml:2: kubeconfig: ",
        ),
    ];
    for (args, expected) in wrong {
        let output = run(&mut program(args));
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(2), ""),
            "{args:?}: {}",
            output.stderr
        );
        assert!(
            output.stderr.contains(expected) && output.stderr.lines().count() == 1,
            "{args:?}: {}",
            output.stderr
        );
    }
}

#[test]
fn selecting_a_disabled_check_exits_2_with_the_reason() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("config.yaml");
    fs::write(&file, "checks:\n  dns:\n    enabled: false\n").unwrap();
    let file = file.to_str().expect("UTF-8");
    let wrong: [(&[&str], &str); 2] = [
        (
            &["check", "clock", "dns", "--config.file", file],
            "cannot run check dns: ",
        ),
        (
            &["check", "dns", "--scope=cluster"],
            "cannot run check dns: ",
        ),
    ];
    for (args, expected) in wrong {
        let output = run(program(args).env("PROVIDER", "eks"));
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(2), ""),
            "{args:?}: {}",
            output.stderr
        );
        assert!(
            output.stderr.contains(expected) && output.stderr.lines().count() == 1,
            "{args:?}: {}",
            output.stderr
        );
    }
}

#[test]
fn failing_check_exits_1() {
    let output = run(program(&["check"])
        .env("API_URL", ":::")
        .env("API_KEY", "key"));
    assert_eq!(output.code, Some(1), "{}{}", output.stdout, output.stderr);
    assert!(
        output.stdout.starts_with("× environment: API_URL: "),
        "{}",
        output.stdout
    );
    assert!(
        output.stdout.contains("\n× castai_api: "),
        "{}",
        output.stdout
    );
}

#[test]
fn json_lists_skipped_checks() {
    let output = run(program(&["check", "dns", "--output", "json"]).env("PROVIDER", "eks"));
    let document: Value = serde_json::from_str(&output.stdout).expect("output is JSON");
    let words: Vec<_> = document["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|check| [check["id"].clone(), check["status"].clone()])
        .collect();
    let expected: Vec<_> = CheckId::ALL
        .iter()
        .map(|check| {
            [
                check.label(),
                if *check == CheckId::Dns {
                    "not_applicable"
                } else {
                    "skipped"
                },
            ]
        })
        .collect();
    assert_eq!(words, expected, "{}", output.stdout);
    assert!(document["checks"][1]["evidence"].is_string());
}

#[test]
fn api_key_is_never_printed() {
    for output in ["text", "json", "junit"] {
        let mut command = program(&["check", "--log.level=trace", "--output", output]);
        let output = run(command
            .env("API_URL", "http://127.0.0.1:1")
            .env("API_KEY", "squeamish-ossifrage"));
        assert_eq!(output.code, Some(1), "{}{}", output.stdout, output.stderr);
        assert!(output.stdout.contains("net_refused"), "{}", output.stdout);
        assert!(
            !format!("{}{}", output.stdout, output.stderr).contains("squeamish"),
            "{}{}",
            output.stdout,
            output.stderr
        );
    }
}

#[test]
fn wait_repeats_until_the_duration_has_passed() {
    let began = Instant::now();
    let output = run(program(&["check", "--wait", "3s"])
        .env("API_URL", ":::")
        .env("API_KEY", "key"));
    assert_eq!(output.code, Some(1));
    assert!(began.elapsed() > Duration::from_secs(2) && began.elapsed() < Duration::from_secs(10));
}

#[test]
fn nothing_to_check_exits_2_and_says_what_to_set() {
    for args in [
        &["check"][..],
        &["check", "--quiet"],
        &["check", "dns"],
        &["check", "--vantage=companion"],
    ] {
        let output = run(&mut program(args));
        assert_eq!(output.code, Some(2), "{args:?}: {}", output.stdout);
        assert!(
            output.stdout.is_empty()
                && output.stderr.lines().count() == 1
                && output.stderr.starts_with("error: nothing to check")
                && output.stderr.contains("--kubeconfig"),
            "{args:?}: {}",
            output.stderr
        );
    }
}

#[test]
fn missing_kubeconfig_is_named_with_its_path() {
    let output = run(&mut program(&["check", "--kubeconfig=/nosuch/kubeconfig"]));
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
    assert!(
        output.stderr.contains("/nosuch/kubeconfig")
            && output.stderr.contains("--kubeconfig")
            && output.stderr.lines().count() == 1,
        "{}",
        output.stderr
    );
}

#[test]
fn quiet_prints_nothing_and_keeps_the_exit_code() {
    let output = run(program(&["check", "--quiet"])
        .env("API_URL", "http://127.0.0.1:1")
        .env("API_KEY", "key"));
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (Some(1), "", "")
    );
    let both = run(&mut program(&["check", "--quiet", "-o", "json"]));
    assert!(
        both.code == Some(2) && both.stderr.contains("cannot be used with"),
        "{}",
        both.stderr
    );
}

#[test]
fn short_output_has_one_line_per_failing_check() {
    let output = run(program(&["check", "-o", "short"])
        .env("API_URL", "http://127.0.0.1:1")
        .env("API_KEY", "key"));
    assert_eq!(output.code, Some(1), "{}{}", output.stdout, output.stderr);
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert!(
        lines[0].starts_with("castai_api (net_refused): ") && lines[0].contains("127.0.0.1:1"),
        "{}",
        output.stdout
    );
    for line in &lines {
        let (check, rest) = line.split_once(" (").expect("a check, then its modes");
        assert!(CheckId::from_label(check).is_some(), "{line}");
        assert!(!rest.starts_with("unknown"), "not failing: {line}");
    }
}

#[test]
fn namespace_has_the_spellings_of_kubectl() {
    for args in [
        &["check", "-n", "NOT A NAME"][..],
        &["check", "--namespace=NOT A NAME"],
        &["check", "--agent.namespace=NOT A NAME"],
    ] {
        let output = run(&mut program(args));
        assert!(
            output.code == Some(2) && output.stderr.contains("--agent.namespace"),
            "{args:?}: {}",
            output.stderr
        );
    }
}
