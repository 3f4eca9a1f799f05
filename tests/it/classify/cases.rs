//! Pasted lines and whole pastes with their failure modes, as measured by the score.

use std::collections::BTreeMap;

use castai_health_exporter::catalogue::FailureMode;
use castai_health_exporter::classify::{Paste, Reading, TextKind, classify, log_line};
use serde_json::Value;

const LINES: &str = include_str!("cases/lines.jsonl");
const VARIATIONS: &str = include_str!("cases/variations.jsonl");
/// Lines of the programs around the agent, written before the classifier was run on them.
const PROGRAMS: &str = include_str!("cases/programs.jsonl");
const MORE_VARIATIONS: &str = include_str!("cases/more_variations.jsonl");

/// A text and the modes that are right for it; `None` is a harmless text.
struct Case {
    kind: Option<TextKind>,
    text: String,
    accepted: Vec<Option<String>>,
}

impl Case {
    fn parse(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap();
        let mode = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            kind: value["kind"].as_str().map(|kind| kind.parse().unwrap()),
            text: value["text"].as_str().unwrap().to_owned(),
            accepted: match value["accept"].as_array() {
                Some(modes) => modes.iter().map(mode).collect(),
                None => vec![mode(&value["mode"])],
            },
        }
    }
}

/// Asserts that at least 97 % of the cases are right, at most 1 % have a wrong mode, and no
/// harmless text has a mode.
fn assert_score(name: &str, lines: &str, kind: impl Fn(&Case) -> Option<TextKind>) {
    let (mut right, mut misnamed, mut harmless_named, mut wrong) = (0, 0, 0, Vec::new());
    let cases: Vec<Case> = lines.lines().map(Case::parse).collect();
    for case in &cases {
        let mode = classify(kind(case), &case.text).mode();
        let label = mode.map(|mode| mode.label().to_owned());
        if case.accepted.contains(&label) {
            right += 1;
            continue;
        }
        if mode.is_some_and(|mode| mode != FailureMode::Unclassified) {
            misnamed += 1;
            harmless_named += usize::from(case.accepted == [None]);
        }
        wrong.push(format!(
            "{label:?}, expected {:?}: {}",
            case.accepted, case.text
        ));
    }
    println!(
        "{name}: {right} of {} right, {misnamed} misnamed",
        cases.len()
    );
    assert!(
        right * 100 >= cases.len() * 97 && misnamed * 100 <= cases.len() && harmless_named == 0,
        "{name}: {right} of {} right, {misnamed} misnamed, {harmless_named} harmless named:\n{}",
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn pasted_lines_are_right_with_their_kind() {
    assert_score("lines", LINES, |case| case.kind);
    assert_score("programs", PROGRAMS, |case| case.kind);
}

#[test]
fn pasted_lines_are_right_without_a_kind() {
    assert_score("lines", LINES, |_| None);
    assert_score("variations", VARIATIONS, |_| None);
    assert_score("more variations", MORE_VARIATIONS, |_| None);
    assert_score("programs", PROGRAMS, |_| None);
}

/// A kind is a hint: a command-line error is the same fault whatever kind it is given.
#[test]
fn wrong_kind_does_not_hide_a_fault() {
    for (text, mode) in [
        (
            "error: You must be logged in to the server (Unauthorized)",
            "k8s_unauthorized",
        ),
        (
            "curl: (7) Failed to connect to api.cast.ai port 443 after 12 ms: Connection refused",
            "net_refused",
        ),
        (
            "An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: The security token included in the request is invalid.",
            "aws_key_invalid",
        ),
    ] {
        for (name, kind) in TextKind::NAMED {
            let read = classify(Some(*kind), text).mode().map(FailureMode::label);
            assert_eq!(read, Some(mode), "{name}: {text}");
        }
    }
}

fn paste(name: &str) -> String {
    let path = format!(
        "{}/tests/it/classify/cases/pastes/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(path).unwrap()
}

fn root_cause(text: &str) -> Option<&'static str> {
    let mut paste = Paste::default();
    for line in text.lines() {
        paste.push(line);
    }
    paste.finish().root().map(|root| root.mode.label())
}

#[test]
fn pastes_have_their_root_cause() {
    let expected: BTreeMap<String, Vec<String>> =
        serde_json::from_str(&paste("expect.json")).unwrap();
    assert!(!expected.is_empty());
    for (name, modes) in expected {
        let root = root_cause(&paste(&name));
        assert!(
            root.is_some_and(|root| modes.iter().any(|mode| mode == root)),
            "{name}: {root:?}, expected {modes:?}"
        );
    }
}

#[test]
fn lost_lease_is_named_unless_its_cause_is() {
    let lost = "time=\"2026-11-22T13:05:54Z\" level=error msg=\"leader election stopped unexpectedly - triggering app shutdown\"\n\
        time=\"2026-11-22T13:05:54Z\" level=info msg=\"shutdown triggered by \\\"leader election\\\"\" error=\"leader election stopped unexpectedly\"\n";
    assert_eq!(root_cause(lost), Some("agent_completed"));
    let cause = "E1122 13:05:44.1       1 leaderelection.go:448] \"Failed to update lock\" err=\"Put \\\"https://10.100.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock\\\": context deadline exceeded\"\n";
    assert_eq!(root_cause(&format!("{cause}{lost}")), Some("k8s_no_answer"));
    for line in lost.lines() {
        // The daemon sees the exit itself in the agent's pod.
        assert_eq!(log_line(line).reading, Reading::Harmless, "{line}");
    }
}

#[test]
fn consequence_is_not_the_root_cause() {
    let text = "castai-agent-5559cfb4b6-92rkm   0/2   CrashLoopBackOff   12 (3m ago)   41m\n\
        Error: INSTALLATION FAILED: timed out waiting for the condition\n\
        time=\"2026-11-22T13:05:12Z\" level=error msg=\"registering cluster: requesting castai api: \
        request error status_code=401 body={}\"\n";
    assert_eq!(root_cause(text), Some("castai_token_invalid"));
}

#[test]
fn stack_traces_pages_and_pretty_json_are_one_record() {
    let texts = [
        (
            "Traceback (most recent call last):\n  File \"x.py\", line 1, in <module>\n    main()\n\
            botocore.exceptions.NoCredentialsError: Unable to locate credentials\n",
            "aws_no_credentials",
            4,
        ),
        (
            "Exception in thread \"main\" java.lang.RuntimeException: failed\n\tat a.B.c(B.java:1)\n\
            Caused by: java.net.UnknownHostException: api.cast.ai\n\tat a.B.d(B.java:2)\n\t... 3 more\n",
            "net_dns_nxdomain",
            5,
        ),
        (
            "HTTP/1.1 401 Unauthorized\nServer: nginx\nContent-Type: text/html\n\n<html>\n\
            <head><title>401 Authorization Required</title></head>\n</html>\n",
            "castai_token_invalid",
            7,
        ),
        (
            "{\n  \"kind\": \"Status\",\n  \"apiVersion\": \"v1\",\n  \"status\": \"Failure\",\n  \
            \"message\": \"Unauthorized\",\n  \"reason\": \"Unauthorized\",\n  \"code\": 401\n}\n",
            "k8s_unauthorized",
            8,
        ),
        (
            "UnauthorizedOperation: You are not authorized to perform this operation.\n\
            \tstatus code: 403, request id: x\n",
            "ec2_denied_unspecified",
            2,
        ),
    ];
    for (text, mode, lines) in texts {
        let mut paste = Paste::default();
        for line in text.lines() {
            paste.push(line);
        }
        let summary = paste.finish();
        let root = summary.root().unwrap();
        assert_eq!(root.mode.label(), mode, "{text}");
        assert_eq!(root.evidence[0].last_line, lines, "{text}");
        assert_eq!(summary.findings.len(), 1, "{text}");
    }
}
