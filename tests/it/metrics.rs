//! Tests of `/metrics`.

mod published;

use std::collections::BTreeMap;

use castai_health_exporter::catalogue::metric::PREFIX;
use castai_health_exporter::catalogue::{CheckId, FailureMode, Phase, Status};
use castai_health_exporter::exporter::{Exporter, Reload};
use castai_health_exporter::metrics::exposition;
use castai_health_exporter::metrics::process::Process;
use castai_health_exporter::report::{DateSample, Finding, PhaseOutcome, Report, Verdict};
use castai_health_exporter::state::HealthState;
use test_support::fixture;
use test_support::fixture::{at, phase, post, target};

fn exposed(health: &HealthState) -> String {
    exposition(
        &health.check_states(),
        &fixture::exporter(),
        &Process::read(),
    )
}

/// Returns the series without prefix, and their values.
fn series(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.map(|line| line.rsplit_once(' ').expect("a line is not a sample"));
    parsed
        .map(|(name, value)| (name.trim_start_matches(PREFIX), value))
        .collect()
}

#[test]
fn hostile_target_names_cannot_break_the_exposition() {
    let health = fixture::hostile();
    let text = exposed(&health);
    assert_eq!(
        text.lines()
            .filter(|line| line.contains("target_up{"))
            .count(),
        3,
        "{text}"
    );
    assert!(
        !text.lines().any(|line| line.starts_with("failure 7")),
        "{text}"
    );
}

#[test]
fn check_without_verdict_exposes_only_unknown_status() {
    let text = exposed(&fixture::blank());
    let series = series(&text);
    for check in CheckId::ALL {
        for status in Status::ALL {
            let name = format!("check_status{{check=\"{check}\",status=\"{status}\"}}");
            assert_eq!(
                series[name.as_str()],
                if *status == Status::Unknown { "1" } else { "0" },
                "{name}"
            );
        }
        assert_eq!(
            series[format!("check_attempts_total{{check=\"{check}\"}}").as_str()],
            "0"
        );
        let interval = check.entry().interval.as_secs().to_string();
        assert_eq!(
            series[format!("check_interval_seconds{{check=\"{check}\"}}").as_str()],
            interval
        );
    }
    assert_eq!(
        series["phase_duration_seconds_count{check=\"apiserver\",phase=\"tls\"}"],
        "0"
    );
    for absent in [
        "failure",
        "target_",
        "clock_skew",
        "tls_certificate",
        "check_last_",
        "aws_",
        "check_panics",
        "check_stalled",
        "check_throttled",
    ] {
        let claimed: Vec<_> = series
            .keys()
            .filter(|name| name.starts_with(absent))
            .collect();
        assert!(claimed.is_empty(), "{claimed:?}");
    }
}

#[test]
fn failure_series_is_kept_while_unknown() {
    let failure = "failure{check=\"apiserver\",mode=\"tls_handshake_timeout\",severity=\"critical\",caused_by=\"\"}";
    let health = fixture::eventful();
    assert!(series(&exposed(&health)).contains_key(failure));
    post(
        &health,
        CheckId::Apiserver,
        Report::from_verdict(Verdict::Unknown("cannot tell".into())),
    );
    let text = exposed(&health);
    assert!(series(&text).contains_key(failure), "{text}");
    assert_eq!(
        series(&text)["check_status{check=\"apiserver\",status=\"unknown\"}"],
        "1"
    );
    post(
        &health,
        CheckId::Apiserver,
        Report::from_verdict(Verdict::Ok("fine".into())),
    );
    let text = exposed(&health);
    assert!(!text.contains("failure{check=\"apiserver\""), "{text}");
}

#[test]
fn histogram_is_cumulative_and_counts_timeouts() {
    let text = exposed(&fixture::eventful());
    let series = series(&text);
    let at = |what: &str| series[format!("phase_duration_seconds_{what}").as_str()];
    let of = |phase: &str, le: &str| {
        at(&format!(
            "bucket{{check=\"apiserver\",phase=\"{phase}\",le=\"{le}\"}}"
        ))
    };
    assert_eq!(
        [
            of("connect", "0.005"),
            of("connect", "15"),
            of("connect", "+Inf")
        ],
        ["1", "1", "1"]
    );
    assert_eq!(
        [
            of("tls", "0.005"),
            of("tls", "10"),
            of("tls", "15"),
            of("tls", "+Inf")
        ],
        ["0", "0", "1", "1"]
    );
    assert_eq!(at("sum{check=\"apiserver\",phase=\"tls\"}"), "15");
}

#[test]
fn target_series_show_the_last_attempt() {
    let text = exposed(&fixture::eventful());
    let series = series(&text);
    let value = |name: &str| series[name];
    assert_eq!(
        value(
            "target_phase_duration_seconds{check=\"apiserver\",target=\"10.0.0.1:443\",phase=\"tls\"}"
        ),
        "15"
    );
    assert_eq!(
        value("target_up{check=\"apiserver\",target=\"10.0.0.1:443\"}"),
        "0"
    );
    assert_eq!(
        value("target_up{check=\"dns\",target=\"api.cast.ai\"}"),
        "1"
    );
    let not_after =
        "tls_certificate_not_after_timestamp_seconds{check=\"apiserver\",target=\"10.0.0.1:443\"}";
    assert_eq!(value(not_after), "1800000000");
    assert_eq!(value("clock_skew_seconds{source=\"apiserver\"}"), "1.5");
    assert!(
        !text.contains("not_after_timestamp_seconds{check=\"apiserver\",target=\"10.0.0.2:443\"}")
    );
}

#[test]
fn repeated_phase_counts_with_its_sum() {
    let health = fixture::blank();
    let twice = vec![
        phase(Phase::Request, 20, PhaseOutcome::Done),
        phase(Phase::Request, 30, PhaseOutcome::Done),
    ];
    let targets = vec![target("a", Ok("fine"), twice)];
    post(
        &health,
        CheckId::Apiserver,
        Report {
            targets,
            ..Report::from_verdict(Verdict::Ok("fine".into()))
        },
    );
    let text = exposed(&health);
    let name = "target_phase_duration_seconds{check=\"apiserver\",target=\"a\",phase=\"request\"}";
    assert_eq!(series(&text)[name], "0.05", "{text}");
}

#[test]
fn latest_clock_reading_is_exposed() {
    let health = fixture::blank();
    let read = |skew, seconds| {
        let dates = vec![DateSample {
            source: "castai_api",
            skew,
            uncertainty: 0.5,
        }];
        Report {
            dates,
            at: at(seconds),
            ..Report::from_verdict(Verdict::Ok("fine".into()))
        }
    };
    post(&health, CheckId::CastaiApi, read(7.0, 50));
    post(&health, CheckId::Clock, read(3.0, 40));
    let text = exposed(&health);
    assert_eq!(
        series(&text)["clock_skew_seconds{source=\"castai_api\"}"],
        "7"
    );
}

#[test]
fn failed_reload_keeps_last_success_timestamp() {
    let reload = Reload {
        successful: false,
        succeeded: at(5),
    };
    let exporter = Exporter {
        reload,
        ..fixture::exporter()
    };
    let text = exposition(&[], &exporter, &Process::default());
    let series = series(&text);
    assert_eq!(series["config_last_reload_successful"], "0");
    assert_eq!(
        series["config_last_reload_success_timestamp_seconds"],
        "1735689605"
    );
}

#[test]
fn worst_case_exposition_has_at_most_800_series() {
    let health = fixture::blank();
    for check in CheckId::ALL {
        let every = |_| {
            check
                .entry()
                .phases
                .iter()
                .map(|of| phase(*of, 5, PhaseOutcome::TimedOut))
                .collect()
        };
        // Only these two checks have more than one target.
        let several = if matches!(check, CheckId::Dns | CheckId::Apiserver) {
            20
        } else {
            1
        };
        let targets = (0..several)
            .map(|i| target(&format!("10.0.0.{i}"), Ok("fine"), every(i)))
            .collect();
        let findings = FailureMode::ALL[..3]
            .iter()
            .map(|mode| Finding::new(*mode, "seen"))
            .collect();
        post(
            &health,
            *check,
            Report {
                targets,
                ..Report::from_verdict(Verdict::Failing(findings))
            },
        );
    }
    let text = exposed(&health);
    assert!(series(&text).len() <= 800, "{} series", series(&text).len());
    assert!(text.len() <= 100 * 1024, "{} bytes", text.len());
}

#[test]
fn objects_that_two_watches_leave_out_are_summed() {
    let health = fixture::blank();
    let report = Report {
        observations: published::workload_observations(),
        ..Report::from_verdict(Verdict::Ok("it runs".into()))
    };
    post(&health, CheckId::ImagePull, report);
    let name =
        "watched_objects_left_out{check=\"image_pull\",resource=\"pods\",reason=\"unreadable\"}";
    assert_eq!(series(&exposed(&health))[name], "5");
}
