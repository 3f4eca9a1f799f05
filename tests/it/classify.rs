//! Tests of the classifier: tables of (text, mode), and properties that hold for any input.

use castai_health_exporter::catalogue::FailureMode;
use castai_health_exporter::classify::castai::Answer;
use castai_health_exporter::classify::{
    Reading, TextKind, castai_answer, classify, classify_line, kube_status,
};
use proptest::prelude::{ProptestConfig, any};
use proptest::proptest;

/// A text and the label of its mode. The label is empty for a harmless line or a consequence.
type Row = (&'static str, &'static str);

fn label(reading: Reading) -> &'static str {
    reading.mode().map_or("", FailureMode::label)
}

/// Classifies every text of a table and reports all mismatches at once.
fn assert_classified(read: impl Fn(&str) -> Reading, rows: &[Row]) {
    let wrong: Vec<_> = rows
        .iter()
        .filter(|(text, expected)| label(read(text)) != *expected)
        .map(|(text, expected)| {
            format!("expected {expected:?}, got {:?}: {text}", label(read(text)))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} texts misclassified:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

mod agent_log;
mod aws;
mod cases;
mod events;
mod lists;
mod responses;

#[test]
fn explain_detects_the_kind_of_a_line() {
    let rows: &[Row] = &[
        (
            r#"{"kind":"agent_log","text":"time=\"2026-11-22T13:04:54Z\" level=error msg=\"registering cluster: requesting castai api: request error status_code=401 body={}\""}"#,
            "castai_token_invalid",
        ),
        (
            r#"{"kind":"http","text":"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n\r\n{\"message\":\"slow down\"}"}"#,
            "castai_rate_limited",
        ),
        (
            r#"{"kind":"apiserver_body","text":"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401}"}"#,
            "k8s_unauthorized",
        ),
        (
            r#"{"kind":"no such kind","text":"panic: something new"}"#,
            "unclassified",
        ),
        (
            r#"{"kind":"k8s_event","text":"Created container: agent"}"#,
            "",
        ),
    ];
    assert_classified(classify_line, rows);
}

#[test]
fn text_kinds_match_the_documentation() {
    for (name, kind) in TextKind::NAMED {
        assert_eq!(name.parse(), Ok(*kind));
    }
    assert!("agentlog".parse::<TextKind>().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn classifier_never_panics(text in any::<String>()) {
        classify_line(&text);
        for (_, kind) in TextKind::NAMED {
            classify(Some(*kind), &text);
        }
    }

    #[test]
    fn classifier_never_panics_on_almost_valid_lines(
        start in r#"(time="2026-11-22T13:04:54Z" |E1122 13:04:54\.1 1 x\.go:1\] |SDK 2026/11/22 13:03:16 |2026/11/22 13:04:54\.1 WARN RESTY |\{"msg":")?"#,
        middle in r#"(level=[a-z]* |msg="?|error="|status_code=[0-9]{0,6} |body=|lookup |EOF|Post "https://|": Forbidden|\\|é|"){0,12}"#,
        end in any::<String>(),
    ) {
        classify_line(&format!("{start}{middle}{end}"));
    }

    #[test]
    fn response_classifier_never_panics(status in any::<u16>(), body in any::<Vec<u8>>()) {
        kube_status(status, None, &body);
        let body = String::from_utf8_lossy(&body);
        castai_answer(&Answer { status, body: &body, ..Answer::default() });
    }
}

#[test]
fn long_line_is_classified_in_linear_time() {
    for part in [
        "EOF",
        "\": Forbidden",
        "lookup ",
        "msg=\"",
        "\\",
        "Post \"https://x\": Forbidden,",
        "a=b ",
        "é",
    ] {
        let line = format!(
            "time=\"2026-11-22T13:04:54Z\" level=error msg=\"{}",
            part.repeat(500_000 / part.len())
        );
        let begun = std::time::Instant::now();
        classify_line(&line);
        // A quadratic algorithm would take minutes.
        assert!(
            begun.elapsed().as_secs() < 10,
            "{part:?} took {:?}",
            begun.elapsed()
        );
    }
}
