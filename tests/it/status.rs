//! Tests of the JSON of `/api/v1/status` and `check --output json`, which scripts read.

use castai_health_exporter::catalogue::{CheckId, FailureMode, remedy};
use castai_health_exporter::doctor::sidecar::SidecarError;
use castai_health_exporter::doctor::{SidecarVerdict, SidecarView, Sidecars, VerdictDocument};
use castai_health_exporter::exporter::{Exporter, Skipped};
use castai_health_exporter::status::Document;
use serde_json::{Value, json};
use test_support::fixture;

fn document(exporter: &Exporter) -> Value {
    let json = Document::new(&fixture::eventful().check_states(), exporter).json();
    serde_json::from_str(&json).expect("the document is JSON")
}

fn check(document: &Value, id: &str) -> Value {
    let checks = document["checks"].as_array().expect("a list");
    checks
        .iter()
        .find(|check| check["id"] == id)
        .expect("a check is missing")
        .clone()
}

#[test]
fn failing_check_has_documented_fields() {
    let mode = FailureMode::TlsHandshakeTimeout.entry();
    let runbook = "https://example.org/runbooks/CastaiApiserverTlsHandshakeTimeout.md#apiserver-tls-handshake-timeout";
    let evidence = "10.0.0.1:443 took the connection, then said nothing for 15 s";
    let expected = json!({
        "id": "apiserver",
        "question": CheckId::Apiserver.entry().question,
        "group": "kubernetes",
        "scope": "pod",
        "status": "failing",
        "need": "start",
        "evidence": evidence,
        "modes": [{
            "mode": "tls_handshake_timeout",
            "evidence": evidence,
            "meaning": mode.meaning,
            "remedy": remedy(CheckId::Apiserver, FailureMode::TlsHandshakeTimeout).as_str(),
            "runbook": runbook,
        }],
        "stable_modes": ["tls_handshake_timeout"],
        "severity": "critical",
        "caused_by": null,
        "episode_start": "2025-01-01T00:00:30Z",
        "targets": [
            {
                "target": "10.0.0.1:443",
                "in_use": true,
                "up": false,
                "mode": "tls_handshake_timeout",
                "evidence": evidence,
                "phases": [
                    {"phase": "connect", "seconds": 0.004, "outcome": "done"},
                    {"phase": "tls", "seconds": 15.0, "outcome": "timed_out"},
                ],
                "seconds": 15.004,
                "certificate_not_after": "2027-01-15T08:00:00Z",
            },
            {
                "target": "10.0.0.2:443",
                "in_use": false,
                "up": false,
                "mode": "net_refused",
                "evidence": "10.0.0.2:443 refused the connection",
                "phases": [{"phase": "connect", "seconds": 0.001, "outcome": "failed"}],
                "seconds": 0.001,
                "certificate_not_after": null,
            },
        ],
        "at": "2025-01-01T00:00:30Z",
        "seconds": 15.004,
        "last_attempt": "2025-01-01T00:00:30Z",
        "last_success": null,
        "next_attempt": null,
        "interval_seconds": 15.0,
    });
    assert_eq!(
        check(&document(&fixture::exporter()), "apiserver"),
        expected
    );
}

#[test]
fn document_head_has_exporter_and_summary() {
    let problems = vec!["environment: API_URL: \":::\" is not an address".to_owned()];
    let document = document(&Exporter {
        environment_problems: problems.clone(),
        ..fixture::exporter()
    });
    assert_eq!(document["schema_version"], 1);
    assert!(
        document["at"]
            .as_str()
            .is_some_and(|at| at.starts_with("20") && at.ends_with('Z')),
        "{document}"
    );
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": document["exporter"]["revision"],
        "vantage": "sidecar",
        "scope": "all",
        "agent_environment": "own",
        "config_reload_successful": true,
        "environment_problems": problems,
    });
    assert_eq!(document["exporter"], expected);
    let summary = json!({"ok": 1, "warning": 1, "failing": 1, "unknown": 1, "not_applicable": 0, "skipped": 0});
    assert_eq!(document["summary"], summary);
    let root_causes = json!([
        {
            "check": "apiserver",
            "mode": "tls_handshake_timeout",
            "severity": "critical",
            "since": "2025-01-01T00:00:30Z",
            "also_affected": [],
        },
        {
            "check": "castai_api",
            "mode": "castai_slow",
            "severity": "warning",
            "since": "2025-01-01T00:00:20Z",
            "also_affected": [],
        },
    ]);
    assert_eq!(document["root_causes"], root_causes);
}

#[test]
fn check_before_its_first_run_is_unknown_with_a_reason() {
    let clock = check(&document(&fixture::exporter()), "clock");
    assert_eq!(clock["status"], "unknown");
    assert_eq!(clock["evidence"], "not examined yet");
    assert_eq!(clock["at"], Value::Null);
}

#[test]
fn skipped_check_is_listed_with_reason_and_same_keys() {
    let skipped = vec![Skipped {
        check: CheckId::Clock,
        why: "disabled in the configuration".to_owned(),
    }];
    let exporter = Exporter {
        skipped,
        ..fixture::exporter()
    };
    let mut check_states = fixture::eventful().check_states();
    check_states.retain(|check_state| check_state.check != CheckId::Clock);
    let document: Value = serde_json::from_str(&Document::new(&check_states, &exporter).json())
        .expect("the document is JSON");
    let clock = check(&document, "clock");
    assert_eq!(clock["status"], "skipped");
    assert_eq!(clock["evidence"], "disabled in the configuration");
    assert_eq!(document["summary"]["skipped"], 1);
    let keys = |value: &Value| {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&clock), keys(&check(&document, "dns")));
    let ids: Vec<_> = document["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|check| check["id"].clone())
        .collect();
    assert_eq!(ids, ["dns", "apiserver", "castai_api", "clock"]);
}

#[test]
fn warning_has_modes_but_no_episode() {
    let castai = check(&document(&fixture::exporter()), "castai_api");
    assert_eq!(castai["status"], "warning");
    assert_eq!(castai["stable_modes"], json!(["castai_slow"]));
    assert_eq!(castai["episode_start"], Value::Null);
    assert_eq!(castai["last_success"], "2025-01-01T00:00:20Z");
}

#[test]
fn sidecars_are_null_unless_a_companion_reads_them() {
    assert_eq!(document(&fixture::exporter())["sidecars"], Value::Null);
    let json = json!({
        "schema_version": 1, "at": "2025-01-01T00:00:31Z", "exporter": { "version": "0.1.0" },
        "root_causes": [{ "check": "dns", "mode": "net_dns_timeout", "since": "2025-01-01T00:00:30Z" }],
        "checks": [{ "id": "dns", "status": "failing", "evidence": "no answer" }],
    });
    let verdict = VerdictDocument::parse(json.to_string().as_bytes()).expect("a document");
    let view = |pod: &str, verdict| SidecarView {
        namespace: "castai-agent".to_owned(),
        pod: pod.to_owned(),
        node: None,
        port: 9878,
        verdict,
    };
    let sidecars = Sidecars {
        read_at: fixture::at(32),
        views: vec![
            view("a", Ok(SidecarVerdict::new(&verdict))),
            view("b", Err(SidecarError::PasswordRequired)),
        ],
        problems: Vec::new(),
    };
    let states = fixture::eventful().check_states();
    let document = Document::new(&states, &fixture::exporter()).with_sidecars(Some(&sidecars));
    let document: Value = serde_json::from_str(&document.json()).expect("JSON");
    let expected = json!({
        "read_at": "2025-01-01T00:00:32Z",
        "problems": [],
        "pods": [
            {
                "pod": "a", "node": null, "error": null, "version": "0.1.0",
                "at": "2025-01-01T00:00:31Z",
                "summary": { "ok": 0, "warning": 0, "failing": 1, "unknown": 0, "not_applicable": 0, "skipped": 0 },
                "root_causes": [{
                    "check": "dns", "mode": "net_dns_timeout", "severity": "warning",
                    "since": "2025-01-01T00:00:30Z", "evidence": "no answer",
                }],
            },
            {
                "pod": "b", "node": null,
                "error": "it requires a password, which this companion does not have",
                "version": null, "at": null, "summary": null, "root_causes": [],
            },
        ],
    });
    assert_eq!(document["sidecars"], expected);
}
