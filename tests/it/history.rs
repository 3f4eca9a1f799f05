//! Tests of the history of the last 24 hours.

use std::time::Duration;

use castai_health_exporter::catalogue::{CheckId, FailureMode, Status};
use castai_health_exporter::history::{History, MAX_CHANGES, RETENTION};
use castai_health_exporter::report::{Finding, Report, Verdict};
use castai_health_exporter::state::VerdictChange;
use castai_health_exporter::status::HistoryDocument;
use serde_json::{Value, json};
use test_support::fixture;

const HOUR: u64 = 3600;

fn ok() -> Verdict {
    Verdict::Ok("fine".into())
}

fn failing(mode: FailureMode) -> Verdict {
    Verdict::failing(Finding::new(mode, "a <b>foreign</b> text"))
}

/// Records a verdict of `dns`, some seconds after the history began.
fn record(history: &History, seconds: u64, verdict: Verdict) {
    let report = Report {
        at: fixture::at(seconds),
        ..Report::from_verdict(verdict)
    };
    history.record(&VerdictChange {
        check: CheckId::Dns,
        before: None,
        report: report.into(),
        stable_modes: Vec::new(),
    });
}

/// Returns the seconds and the status of each change of `dns`.
fn changes(history: &History, now: u64) -> Vec<(i64, Option<Status>)> {
    let snapshot = history.snapshot(fixture::at(now));
    let dns = snapshot.of(CheckId::Dns).expect("dns has a history");
    let seconds = |at: std::time::SystemTime| match at.duration_since(fixture::at(0)) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap(),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap(),
    };
    dns.changes()
        .map(|change| (seconds(change.at), change.status))
        .collect()
}

#[test]
fn only_changes_of_status_and_mode_are_kept() {
    let history = History::new(fixture::at(0));
    record(&history, 1, ok());
    record(&history, 2, ok());
    record(&history, 3, failing(FailureMode::NetDnsTimeout));
    record(&history, 4, failing(FailureMode::NetDnsTimeout));
    record(&history, 5, failing(FailureMode::NetRefused));
    record(&history, 6, ok());
    let (ok, failing) = (Some(Status::Ok), Some(Status::Failing));
    assert_eq!(
        changes(&history, 10),
        [(1, ok), (3, failing), (5, failing), (6, ok)]
    );
}

#[test]
fn changes_older_than_24_hours_are_forgotten_but_not_the_status_that_held_then() {
    let history = History::new(fixture::at(0));
    record(&history, 0, ok());
    record(&history, HOUR, failing(FailureMode::NetDnsTimeout));
    record(&history, 2 * HOUR, ok());
    let day = RETENTION.as_secs();
    let (ok, failing) = (Some(Status::Ok), Some(Status::Failing));
    let (first, second) = ((HOUR.cast_signed(), failing), (2 * HOUR.cast_signed(), ok));
    assert_eq!(changes(&history, day + HOUR + 1), [first, second]);
    assert_eq!(changes(&history, day + 2 * HOUR), [second]);
    assert_eq!(changes(&history, 10 * day), [second]);
}

#[test]
fn a_flapping_check_keeps_a_bounded_number_of_changes() {
    let history = History::new(fixture::at(0));
    let count = 3 * MAX_CHANGES as u64;
    for second in 0..count {
        let verdict = if second % 2 == 0 {
            ok()
        } else {
            failing(FailureMode::NetDnsTimeout)
        };
        record(&history, second, verdict);
    }
    let kept = changes(&history, count);
    assert_eq!(kept.len(), MAX_CHANGES);
    assert_eq!(
        kept.last(),
        Some(&(count.cast_signed() - 1, Some(Status::Failing)))
    );
    let snapshot = history.snapshot(fixture::at(count));
    let begins = snapshot
        .of(CheckId::Dns)
        .and_then(castai_health_exporter::history::CheckHistory::begins);
    assert_eq!(begins, Some(fixture::at(count - MAX_CHANGES as u64)));
}

#[test]
fn order_is_kept_when_the_clock_is_set_back() {
    let history = History::new(fixture::at(0));
    record(&history, 10, ok());
    record(&history, 9000, failing(FailureMode::NetDnsTimeout));
    record(&history, 20, ok());
    let (ok, failing) = (Some(Status::Ok), Some(Status::Failing));
    assert_eq!(changes(&history, 30), [(10, ok), (20, failing), (20, ok)]);
}

#[test]
fn a_check_that_a_reload_removes_is_recorded_as_not_running() {
    let history = History::new(fixture::at(0));
    let states = fixture::eventful().check_states();
    history.replace_checks(&states, fixture::at(40));
    let without_dns: Vec<_> = states
        .iter()
        .filter(|state| state.check != CheckId::Dns)
        .cloned()
        .collect();
    history.replace_checks(&without_dns, fixture::at(50));
    assert_eq!(changes(&history, 60), [(40, Some(Status::Ok)), (50, None)]);
    let snapshot = history.snapshot(fixture::at(60));
    let apiserver = snapshot.of(CheckId::Apiserver).unwrap();
    assert_eq!(
        apiserver.changes().len(),
        1,
        "a check that stays has no change"
    );
}

#[test]
fn document_has_documented_fields() {
    let history = History::new(fixture::at(0));
    record(&history, 1, ok());
    record(&history, 2, failing(FailureMode::NetDnsTimeout));
    history.replace_checks(&[], fixture::at(3));
    let now = fixture::at(4);
    let json = HistoryDocument::new(&history.snapshot(now), now).json();
    let document: Value = serde_json::from_str(&json).expect("the document is JSON");
    let expected = json!({
        "schema_version": 1,
        "at": "2025-01-01T00:00:04Z",
        "begins": "2025-01-01T00:00:00Z",
        "retention_seconds": 86_400,
        "checks": [{
            "id": "dns",
            "begins": "2025-01-01T00:00:01Z",
            "changes": [
                {"at": "2025-01-01T00:00:01Z", "status": "ok", "modes": []},
                {"at": "2025-01-01T00:00:02Z", "status": "failing", "modes": ["net_dns_timeout"]},
                {"at": "2025-01-01T00:00:03Z", "status": "skipped", "modes": []},
            ],
        }],
    });
    assert_eq!(document, expected);
}

#[test]
fn a_future_start_is_not_shown() {
    let history = History::new(fixture::at(100));
    let snapshot = history.snapshot(fixture::at(0));
    assert_eq!(snapshot.began, fixture::at(0));
    assert!(snapshot.checks.is_empty());
    assert_eq!(RETENTION, Duration::from_hours(24));
}
