//! The binary itself: exit codes, and what goes to which stream.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use castai_health_exporter::catalogue::CheckId;
use serde_json::{Value, json};

/// The program in an environment of its own, without any variable of this one.
pub(crate) fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_castai-health-exporter"));
    command.args(args).env_clear();
    command
}

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn said(command: &mut Command) -> Said {
    let output = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it writes UTF-8");
    Said {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn piped(args: &[&str]) -> Child {
    let mut command = program(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn answers(args: &[&str], input: &[u8]) -> String {
    let mut child = piped(args);
    child
        .stdin
        .take()
        .expect("it is piped")
        .write_all(input)
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("it writes UTF-8")
}

#[test]
fn nothing_failing_ends_with_0_and_strict_counts_unknowns() {
    let check = |args: &[&str]| said(program(args).env("KUBECONFIG", "/dev/null"));
    let said_once = check(&["check"]);
    assert_eq!(
        said_once.code,
        Some(0),
        "{}{}",
        said_once.out,
        said_once.err
    );
    assert!(said_once.out.contains("? apiserver"), "{}", said_once.out);
    assert!(
        said_once.err.is_empty(),
        "progress is for terminals: {}",
        said_once.err
    );
    assert_eq!(check(&["check", "--strict"]).code, Some(1));
}

#[test]
fn a_named_kubeconfig_that_cannot_be_used_is_wrong_usage() {
    let dir = tempfile::tempdir().expect("a folder");
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
        let said = said(&mut program(args));
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(2), ""),
            "{args:?}: {}",
            said.err
        );
        assert!(
            said.err.contains(expected) && said.err.lines().count() == 1,
            "{args:?}: {}",
            said.err
        );
    }
}

#[test]
fn examining_the_configuration_opens_the_files_that_it_names() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("config.yaml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        let mut command = program(&[
            "--config.check",
            "--config.file",
            file.to_str().expect("UTF-8"),
        ]);
        said(
            command
                .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
                .env("KUBERNETES_SERVICE_PORT", "443"),
        )
    };
    let wrong = check(
        "dns:\n  resolv_conf: nowhere\n  hosts_file: nowhere\napiserver:\n  service_account_dir: .\n",
    );
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    for named in [
        "dns.resolv_conf: ",
        "dns.hosts_file: ",
        "apiserver.service_account_dir: ",
    ] {
        assert!(wrong.err.contains(named), "{named} in {}", wrong.err);
    }
    for name in ["nowhere", "token", "ca.crt"] {
        fs::write(dir.path().join(name), "here").unwrap();
    }
    let right = check("dns:\n  resolv_conf: nowhere\napiserver:\n  service_account_dir: .\n");
    assert_eq!(right.code, Some(0), "{}", right.err);
}

#[test]
fn asking_for_a_check_that_does_not_run_is_wrong_usage_and_says_why() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("config.yaml");
    fs::write(&file, "checks:\n  dns:\n    enabled: false\n").unwrap();
    let file = file.to_str().expect("UTF-8");
    let wrong: [(&[&str], &str); 2] = [
        (
            &["check", "clock", "dns", "--config.file", file],
            "the check dns does not run: disabled in the configuration",
        ),
        (
            &["check", "dns", "--scope=cluster"],
            "the check dns does not run: its scope is pod",
        ),
    ];
    for (args, expected) in wrong {
        let said = said(&mut program(args));
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(2), ""),
            "{args:?}: {}",
            said.err
        );
        assert!(
            said.err.contains(expected) && said.err.lines().count() == 1,
            "{args:?}: {}",
            said.err
        );
    }
}

#[test]
fn something_failing_ends_with_1_and_says_what() {
    let said = said(
        program(&["check"])
            .env("API_URL", ":::")
            .env("API_KEY", "key"),
    );
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(
        said.out.starts_with("× environment: API_URL: "),
        "{}",
        said.out
    );
    assert!(said.out.contains("\n× castai_api: "), "{}", said.out);
}

#[test]
fn wrong_usage_ends_with_2() {
    let wrong: [&[&str]; 6] = [
        &["check", "nonsense"],
        &["--nonsense"],
        &["explain", "nonsense"],
        &["explain"],
        &["check", "--wait", "5"],
        &["sit"],
    ];
    for args in wrong {
        let said = said(&mut program(args));
        assert_eq!(said.code, Some(2), "{args:?}: {}{}", said.out, said.err);
        assert!(
            said.out.is_empty() && said.err.starts_with("error: "),
            "{args:?}: {}{}",
            said.out,
            said.err
        );
    }
}

#[test]
fn a_wrong_configuration_ends_with_2_and_names_every_problem_at_once() {
    let commands: [&[&str]; 4] = [&["--config.check"], &["run"], &["check"], &[]];
    for command in commands {
        let said = said(program(command).args(["--log.level=loud", "--scope=moon"]));
        assert_eq!(said.code, Some(2), "{command:?}: {}{}", said.out, said.err);
        assert!(
            said.err.contains("--log.level") && said.err.contains("--scope"),
            "{command:?}: {}",
            said.err
        );
    }
    assert_eq!(said(&mut program(&["--config.check"])).code, Some(0));
}

#[test]
fn help_and_version_go_to_standard_output() {
    for args in [["--help"], ["--version"]] {
        let said = said(&mut program(&args));
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        assert!(said.out.contains("castai-health-exporter"), "{}", said.out);
    }
}

#[test]
fn json_lists_every_check_and_why_it_did_not_run() {
    let said = said(&mut program(&["check", "dns", "--output", "json"]));
    let document: Value = serde_json::from_str(&said.out).expect("it is JSON");
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
    assert_eq!(words, expected, "{}", said.out);
    assert_eq!(document["checks"][1]["evidence"], "not asked for");
}

#[test]
fn the_key_appears_in_no_output() {
    for output in ["text", "json", "junit"] {
        let mut command = program(&["check", "--log.level=trace", "--output", output]);
        let said = said(
            command
                .env("API_URL", "http://127.0.0.1:1")
                .env("API_KEY", "squeamish-ossifrage"),
        );
        assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
        assert!(said.out.contains("net_refused"), "{}", said.out);
        assert!(
            !format!("{}{}", said.out, said.err).contains("squeamish"),
            "{}{}",
            said.out,
            said.err
        );
    }
}

#[test]
fn waiting_goes_on_until_the_time_is_up() {
    let began = Instant::now();
    let said = said(
        program(&["check", "--wait", "3s"])
            .env("API_URL", ":::")
            .env("API_KEY", "key"),
    );
    assert_eq!(said.code, Some(1));
    assert!(began.elapsed() > Duration::from_secs(2) && began.elapsed() < Duration::from_secs(10));
}

#[test]
fn explain_names_the_mode_of_each_line_that_has_one() {
    let input = b"all is well\nGet \"https://api.cast.ai\": net/http: TLS handshake timeout\n\xff\xfe noise\n";
    let text = answers(&["explain", "-"], input);
    assert!(
        text.starts_with("2: tls_handshake_timeout — TCP connects"),
        "{text}"
    );
    let objects: Vec<Value> = answers(&["explain", "-", "--output", "json"], input)
        .lines()
        .map(|line| serde_json::from_str(line).expect("one object a line"))
        .collect();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[0], json!({"line": 1, "mode": null}));
    assert_eq!(
        objects[1],
        json!({"line": 2, "mode": "tls_handshake_timeout"})
    );
}

#[test]
fn explain_answers_a_line_before_the_next_one_comes() {
    let mut child = piped(&["explain", "-", "--output", "json"]);
    let mut input = child.stdin.take().expect("it is piped");
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    for number in 1..=3 {
        input
            .write_all(b"x509: certificate signed by unknown authority\n")
            .expect("it reads");
        let mut line = String::new();
        output.read_line(&mut line).expect("it answers");
        assert_eq!(
            line,
            format!("{{\"line\":{number},\"mode\":\"tls_unknown_authority\"}}\n")
        );
    }
    drop(input);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn explain_knows_modes_and_alerts_and_what_was_nearly_one() {
    let mode = said(&mut program(&[
        "explain",
        "tls_handshake_timeout",
        "--output",
        "json",
    ]));
    let mode: Value = serde_json::from_str(&mode.out).expect("it is JSON");
    assert_eq!(
        mode["checks"][0]["alert"],
        "CastaiApiserverTlsHandshakeTimeout"
    );
    let page = said(&mut program(&["explain", "CastaiClockSkew"]));
    assert!(
        page.out.contains("\n## Mitigation\n") && page.code == Some(0),
        "{}",
        page.out
    );
    let console = "No access to Kubernetes API server, please check your firewall settings";
    let words = said(&mut program(&["explain", console]));
    assert!(
        words.out.starts_with("cpfw_blocked\n")
            && words.out.contains("In check control_plane_access"),
        "{}",
        words.err
    );
    let slip = said(&mut program(&["explain", "tls_handshake_timout"]));
    assert!(
        slip.err.contains("did you mean tls_handshake_timeout?"),
        "{}",
        slip.err
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for args in [&["catalogue", "--json"][..], &["explain", "-"][..]] {
        let mut child = piped(args);
        drop(child.stdout.take());
        let mut input = child.stdin.take().expect("it is piped");
        let lines = "x509: certificate signed by unknown authority\n".repeat(10_000);
        let _ = input.write_all(lines.as_bytes());
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(
            output.stderr.is_empty(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn the_catalogue_names_every_metric_with_its_labels() {
    let catalogue: Value = serde_json::from_str(&said(&mut program(&["catalogue", "--json"])).out)
        .expect("it is JSON");
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
        said(&mut program(&["catalogue"]))
            .out
            .contains("castai_health_check_status")
    );
}

#[test]
fn generate_writes_what_differs_and_check_only_lists_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().to_str().expect("UTF-8");
    let readme = dir.path().join("README.md");
    fs::write(
        &readme,
        "<!-- generated: checks -->\n<!-- end generated -->\n",
    )
    .unwrap();
    let runbook = dir.path().join("alerts/runbooks/CastaiClockSkew.md");
    let check = || said(&mut program(&["generate", path, "--check"]));
    assert_eq!(check().code, Some(1));
    assert!(!runbook.exists());
    assert_eq!(said(&mut program(&["generate", path])).code, Some(0));
    assert_eq!((check().code, check().out.as_str()), (Some(0), ""));
    assert!(fs::read_to_string(&readme).unwrap().contains("| `dns` |"));

    fs::copy(&runbook, runbook.with_file_name("CastaiGone.md")).unwrap();
    fs::write(&runbook, "changed").unwrap();
    let listed = check();
    let expected = "alerts/runbooks/CastaiClockSkew.md\nalerts/runbooks/CastaiGone.md (stale)\n";
    assert_eq!((listed.code, listed.out.as_str()), (Some(1), expected));
    assert_eq!(fs::read_to_string(&runbook).unwrap(), "changed");
}
