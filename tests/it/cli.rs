//! The binary: exit codes, standard output and standard error.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use castai_health_exporter::catalogue::CheckId;
use serde_json::{Value, json};

/// Returns the binary with an empty environment.
pub(crate) fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_castai-health-exporter"));
    command.args(args).env_clear();
    command
}

/// Exit code and output of the binary.
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Output {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn piped(args: &[&str]) -> Child {
    let mut command = program(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

fn stdout_for_input(args: &[&str], input: &[u8]) -> String {
    let mut child = piped(args);
    child
        .stdin
        .take()
        .expect("the stream is piped")
        .write_all(input)
        .expect("the binary reads its input");
    let output = child.wait_with_output().expect("the binary exits");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

#[test]
fn check_exits_0_on_unknown_and_1_with_strict() {
    let check = |args: &[&str]| run(program(args).env("KUBECONFIG", "/dev/null"));
    let output = check(&["check"]);
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    assert!(output.stdout.contains("? apiserver"), "{}", output.stdout);
    assert!(
        output.stderr.is_empty(),
        "progress is for terminals: {}",
        output.stderr
    );
    assert_eq!(check(&["check", "--strict"]).code, Some(1));
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
fn config_check_opens_referenced_files() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("config.yaml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        let mut command = program(&[
            "--config.check",
            "--config.file",
            file.to_str().expect("UTF-8"),
        ]);
        run(command
            .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .env("KUBERNETES_SERVICE_PORT", "443"))
    };
    let wrong = check(
        "dns:\n  resolv_conf: nowhere\n  hosts_file: nowhere\napiserver:\n  service_account_dir: .\n",
    );
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    for named in [
        "dns.resolv_conf: ",
        "dns.hosts_file: ",
        "apiserver.service_account_dir: ",
    ] {
        assert!(wrong.stderr.contains(named), "{named} in {}", wrong.stderr);
    }
    for name in ["nowhere", "token", "ca.crt"] {
        fs::write(dir.path().join(name), "here").unwrap();
    }
    let right = check("dns:\n  resolv_conf: nowhere\napiserver:\n  service_account_dir: .\n");
    assert_eq!(right.code, Some(0), "{}", right.stderr);
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
fn wrong_usage_exits_2() {
    let wrong: [&[&str]; 6] = [
        &["check", "nonsense"],
        &["--nonsense"],
        &["explain", "nonsense"],
        &["explain"],
        &["check", "--wait", "5"],
        &["sit"],
    ];
    for args in wrong {
        let output = run(&mut program(args));
        assert_eq!(
            output.code,
            Some(2),
            "{args:?}: {}{}",
            output.stdout,
            output.stderr
        );
        assert!(
            output.stdout.is_empty() && output.stderr.starts_with("error: "),
            "{args:?}: {}{}",
            output.stdout,
            output.stderr
        );
    }
}

#[test]
fn invalid_configuration_exits_2_and_lists_every_problem() {
    let commands: [&[&str]; 4] = [&["--config.check"], &["run"], &["check"], &[]];
    for command in commands {
        let output = run(program(command).args(["--log.level=loud", "--scope=moon"]));
        assert_eq!(
            output.code,
            Some(2),
            "{command:?}: {}{}",
            output.stdout,
            output.stderr
        );
        assert!(
            output.stderr.contains("--log.level") && output.stderr.contains("--scope"),
            "{command:?}: {}",
            output.stderr
        );
    }
    assert_eq!(run(&mut program(&["--config.check"])).code, Some(0));
}

#[test]
fn help_and_version_are_written_to_stdout() {
    for args in [["--help"], ["--version"]] {
        let output = run(&mut program(&args));
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        assert!(
            output.stdout.contains("castai-health-exporter"),
            "{}",
            output.stdout
        );
    }
}

#[test]
fn json_lists_skipped_checks() {
    let output = run(&mut program(&["check", "dns", "--output", "json"]));
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
fn explain_classifies_each_line_of_stdin() {
    let input = b"all is well\nGet \"https://api.cast.ai\": net/http: TLS handshake timeout\n\xff\xfe noise\n";
    let text = stdout_for_input(&["explain", "-"], input);
    assert!(
        text.starts_with("tls_handshake_timeout\n  line 2: Get ")
            && text.contains("\nOther lines: 2 harmless, 0 with a fault that is not recognised.\n"),
        "{text}"
    );
    let objects: Vec<Value> = stdout_for_input(&["explain", "-", "--output", "json"], input)
        .lines()
        .map(|line| serde_json::from_str(line).expect("one object a line"))
        .collect();
    assert_eq!(objects.len(), 4);
    let root =
        json!({"mode": "tls_handshake_timeout", "count": 1, "lines": [{"first": 2, "last": 2}]});
    assert_eq!(objects[3]["summary"]["root_cause"], root);
    assert_eq!(objects[0], json!({"line": 1, "mode": null}));
    assert_eq!(
        objects[1],
        json!({"line": 2, "mode": "tls_handshake_timeout"})
    );
}

#[test]
fn explain_flushes_before_it_waits_for_more_input() {
    let mut child = piped(&["explain", "-", "--output", "json"]);
    let mut input = child.stdin.take().expect("the stream is piped");
    let mut output = BufReader::new(child.stdout.take().expect("the stream is piped"));
    for number in 1..=3 {
        input
            .write_all(b"x509: certificate signed by unknown authority\n")
            .expect("the binary reads its input");
        let mut line = String::new();
        output.read_line(&mut line).expect("the binary answers");
        assert_eq!(
            line,
            format!("{{\"line\":{number},\"mode\":\"tls_unknown_authority\"}}\n")
        );
    }
    drop(input);
    assert!(child.wait().expect("the binary exits").success());
}

#[test]
fn explain_accepts_modes_alerts_and_messages_and_suggests_typos() {
    let mode = run(&mut program(&[
        "explain",
        "tls_handshake_timeout",
        "--output",
        "json",
    ]));
    let mode: Value = serde_json::from_str(&mode.stdout).expect("output is JSON");
    assert_eq!(
        mode["checks"][0]["alert"],
        "CastaiApiserverTlsHandshakeTimeout"
    );
    let page = run(&mut program(&["explain", "CastaiClockSkew"]));
    assert!(
        page.stdout.contains("\n## Mitigation\n") && page.code == Some(0),
        "{}",
        page.stdout
    );
    let console = "No access to Kubernetes API server, please check your firewall settings";
    let words = run(&mut program(&["explain", console]));
    assert!(
        words.stdout.starts_with("cpfw_blocked\n") && words.stdout.contains("control_plane_access"),
        "{}",
        words.stderr
    );
    let slip = run(&mut program(&["explain", "tls_handshake_timout"]));
    assert!(
        slip.stderr.contains("did you mean tls_handshake_timeout?"),
        "{}",
        slip.stderr
    );
}

#[test]
fn closed_pipe_is_not_an_error() {
    for args in [&["catalogue", "--json"][..], &["explain", "-"][..]] {
        let mut child = piped(args);
        drop(child.stdout.take());
        let mut input = child.stdin.take().expect("the stream is piped");
        let lines = "x509: certificate signed by unknown authority\n".repeat(10_000);
        let _ = input.write_all(lines.as_bytes());
        drop(input);
        let output = child.wait_with_output().expect("the binary exits");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(
            output.stderr.is_empty(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn catalogue_lists_metrics_with_label_values() {
    let catalogue: Value =
        serde_json::from_str(&run(&mut program(&["catalogue", "--json"])).stdout)
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
    assert!(
        run(&mut program(&["catalogue"]))
            .stdout
            .contains("castai_health_check_status")
    );
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
