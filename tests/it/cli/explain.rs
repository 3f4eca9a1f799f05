//! `explain`: checks, failure modes, alerts and pasted text.

use std::io::{BufRead, BufReader, Write};

use castai_health_exporter::alerting::runbooks;
use castai_health_exporter::catalogue::alert::{ALERTS, modes_of};
use castai_health_exporter::catalogue::{CheckId, ExporterAlert, FailureMode};
use serde_json::{Value, json};

use crate::cli::{piped, program, run, stdout_for_input};

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
        page.stdout.contains("\nMode clock_skew\n") && page.code == Some(0),
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
fn explanation_of_an_alert_is_text_without_markdown() {
    let alerts = [
        "CastaiApiserverTlsHandshakeTimeout",
        "CastaiHealthExporterAbsent",
    ];
    for alert in alerts {
        let output = run(&mut program(&["explain", alert]));
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert!(
            output.stdout.starts_with(&format!("{alert}\n\n")),
            "{}",
            output.stdout
        );
        for mark in ["<!--", "<a id", "**", "```", "\n#"] {
            assert!(!output.stdout.contains(mark), "{mark} in {}", output.stdout);
        }
    }
}

#[test]
fn explanation_of_an_alert_has_each_command_on_a_line_of_its_own() {
    let alert = ALERTS
        .iter()
        .find(|alert| alert.name == "CastaiApiserverTlsHandshakeTimeout")
        .unwrap();
    let text = run(&mut program(&["explain", alert.name])).stdout;
    let modes = alert.modes.iter();
    let fixes: Vec<_> = modes
        .map(|mode| castai_health_exporter::catalogue::remedy(alert.check, *mode))
        .collect();
    let commands: Vec<&str> = fixes
        .iter()
        .flat_map(castai_health_exporter::catalogue::Remedy::commands)
        .collect();
    assert!(commands.len() > 1, "{commands:?}");
    let diagnosis = runbooks::diagnosis_commands(alert);
    let diagnosis = diagnosis.iter().flat_map(|command| command.lines());
    for command in commands.into_iter().chain(diagnosis) {
        assert!(
            text.lines().any(|line| line.trim() == command),
            "{command} in {text}"
        );
    }
}

#[test]
fn explanation_of_a_check_has_question_modes_and_alerts() {
    for check in CheckId::ALL {
        let output = run(&mut program(&["explain", check.label()]));
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        let text = output
            .stdout
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(text.contains(check.entry().question), "{text}");
        for mode in modes_of(*check) {
            assert!(
                text.contains(&format!(" {mode} (Castai")),
                "{mode} in {text}"
            );
        }
    }
    let json = run(&mut program(&["explain", "clock", "-o", "json"]));
    let json: Value = serde_json::from_str(&json.stdout).expect("output is JSON");
    assert_eq!(json["alerts"], json!(["CastaiClockSkew"]));
}

#[test]
fn no_name_is_a_check_and_a_mode_or_an_alert_at_once() {
    let mut names: Vec<&str> = CheckId::ALL.iter().map(|check| check.label()).collect();
    names.extend(FailureMode::ALL.iter().map(|mode| mode.label()));
    names.extend(ALERTS.iter().map(|alert| alert.name));
    names.extend(ExporterAlert::ALL.iter().map(|alert| alert.entry().name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
