//! Output of `check` as text and `JUnit` XML.

use std::time::{SystemTime, UNIX_EPOCH};

use castai_health_exporter::catalogue::{CheckId, FailureMode, remedy};
use castai_health_exporter::cli::check::short::ShortReport;
use castai_health_exporter::cli::check::text::TextReport;
use castai_health_exporter::cli::check::{certificates, junit};
use castai_health_exporter::exporter::{Exporter, Skipped};
use castai_health_exporter::report::{Finding, Report, TargetReport, Verdict};
use castai_health_exporter::state::CheckState;
use test_support::fixture;

fn text(exporter: &Exporter, colours: bool, list_skipped: bool) -> String {
    TextReport {
        check_states: &fixture::eventful().check_states(),
        expiring: &[],
        exporter,
        colours,
        list_skipped,
    }
    .to_string()
}

#[test]
fn root_cause_comes_first_and_in_the_last_line_with_its_consequences_beneath() {
    let text = TextReport {
        check_states: &fixture::dns_outage().check_states(),
        expiring: &[],
        exporter: &fixture::exporter(),
        colours: false,
        list_skipped: true,
    }
    .to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("× dns: "), "{text}");
    let beneath = lines
        .iter()
        .skip_while(|line| **line != "    also affected:")
        .skip(1);
    let marks = [
        "      × castai_api: ",
        "      ? cluster_status: ",
        "      × agent_log: ",
    ];
    for (line, mark) in beneath.zip(marks) {
        assert!(line.starts_with(mark), "{line} is not {mark}");
    }
    assert_eq!(lines.last(), Some(&"root cause: dns (net_dns_timeout)"));
    assert_eq!(
        text.matches("fix: ").count(),
        1,
        "only roots have a fix: {text}"
    );
}

/// Lines that are not indented: one per check, and the summary.
fn check_lines(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.starts_with(' ') && !line.is_empty())
        .collect()
}

#[test]
fn every_check_has_one_line_with_symbol_and_mode() {
    let text = text(&fixture::exporter(), false, true);
    let expected = [
        ("× apiserver: ", "(tls_handshake_timeout)"),
        ("‼ castai_api: ", "(castai_slow)"),
        ("√ dns: ", ""),
        ("? clock: ", ""),
        ("1 failing, 1 warning, 1 unknown, 1 ok", ""),
        ("root cause: apiserver (tls_handshake_timeout)", ""),
    ];
    let lines = check_lines(&text);
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (line, (start, end)) in lines.into_iter().zip(expected) {
        assert!(line.starts_with(start) && line.ends_with(end), "{line}");
    }
}

#[test]
fn failure_has_evidence_fix_and_runbook() {
    let text = text(&fixture::exporter(), false, true);
    let (_, details) = text.split_once("× apiserver").expect("apiserver fails");
    let (details, _) = details.split_once("‼").expect("castai_api follows");
    let lines: Vec<&str> = details.lines().skip(1).collect();
    assert!(
        lines[0].starts_with("    10.0.0.1:443 "),
        "evidence first: {details}"
    );
    let runbook =
        "    runbook: https://example.org/runbooks/CastaiApiserverTlsHandshakeTimeout.md#";
    for start in ["    fix: ", runbook] {
        assert!(
            lines.iter().any(|line| line.starts_with(start)),
            "{start} in {details}"
        );
    }
    let is_command = |line: &&str| line.starts_with("      ");
    let prose = lines.iter().filter(|line| !line.starts_with(runbook));
    for line in prose.filter(|line| !is_command(line)) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let remedy = remedy(CheckId::Apiserver, FailureMode::TlsHandshakeTimeout);
    for command in remedy.commands() {
        assert!(
            lines.contains(&format!("      {command}").as_str()),
            "{command} in {details}"
        );
    }
}

#[test]
fn symbols_are_coloured_only_on_request() {
    assert!(!text(&fixture::exporter(), false, true).contains('\u{1b}'));
    assert!(text(&fixture::exporter(), true, true).contains("\u{1b}[31m×\u{1b}[0m apiserver"));
}

#[test]
fn environment_problems_are_listed_first() {
    let environment_problems = vec!["environment: API_URL: \":::\" is not a URL".to_owned()];
    let text = text(
        &Exporter {
            environment_problems,
            ..fixture::exporter()
        },
        false,
        true,
    );
    assert!(
        text.starts_with("× environment: API_URL: \":::\" is not a URL\n× apiserver"),
        "{text}"
    );
}

fn skipping() -> Exporter {
    let skipped = vec![Skipped {
        check: CheckId::Clock,
        why: "disabled in the <configuration>".to_owned(),
    }];
    Exporter {
        skipped,
        ..fixture::exporter()
    }
}

#[test]
fn skipped_checks_are_listed_unless_checks_were_selected() {
    let line = "- clock: skipped: disabled in the <configuration>";
    assert!(text(&skipping(), false, true).contains(line));
    assert!(!text(&skipping(), false, false).contains(line));
}

#[test]
fn short_report_lists_root_causes_before_their_consequences() {
    let report = |strict| {
        ShortReport {
            check_states: &fixture::dns_outage().check_states(),
            expiring: &[],
            exporter: &fixture::exporter(),
            strict,
        }
        .to_string()
    };
    let text = report(false);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("dns (net_dns_timeout): "), "{text}");
    assert!(
        lines[1].starts_with("castai_api (net_dns_timeout), caused by dns: "),
        "{text}"
    );
    assert!(!text.contains("cluster_status"), "{text}");
    assert!(report(true).contains("cluster_status (unknown), caused by dns: "));
}

#[test]
fn short_report_begins_with_the_most_urgent_root_cause() {
    let health = fixture::blank();
    for (check, mode) in [
        (CheckId::Apiserver, FailureMode::K8sEndpointDown),
        (CheckId::CastaiApi, FailureMode::CastaiTokenInvalid),
    ] {
        let finding = Finding::new(mode, "no");
        let report = Report::from_verdict(Verdict::failing(finding));
        fixture::post(&health, check, report);
    }
    let text = ShortReport {
        check_states: &health.check_states(),
        expiring: &[],
        exporter: &fixture::exporter(),
        strict: false,
    }
    .to_string();
    let lines: Vec<&str> = text.lines().collect();
    // The catalogue has the other order.
    assert!(lines[0].starts_with("castai_api "), "{text}");
    assert!(lines[1].starts_with("apiserver "), "{text}");
}

/// A healthy check whose target presents a certificate that expires after this many days.
fn presented_certificate(days: u64) -> Vec<CheckState> {
    let expiry = UNIX_EPOCH.elapsed().unwrap().as_secs() + days * 86_400 + 60;
    let target = TargetReport {
        target: "10.0.0.1:443".to_owned(),
        in_use: true,
        outcome: Ok("reachable".into()),
        phases: Vec::new(),
        not_after: Some(i64::try_from(expiry).unwrap()),
    };
    let report = Report {
        targets: vec![target],
        ..Report::from_verdict(Verdict::Ok("reachable".into()))
    };
    fixture::single(CheckId::Apiserver, report).check_states()
}

#[test]
fn certificate_that_expires_within_14_days_is_a_warning() {
    assert_eq!(
        certificates::expiring(&presented_certificate(14), SystemTime::now()),
        []
    );
    let check_states = presented_certificate(13);
    let expiring = certificates::expiring(&check_states, SystemTime::now());
    let text = TextReport {
        check_states: &check_states,
        expiring: &expiring,
        exporter: &fixture::exporter(),
        colours: false,
        list_skipped: false,
    }
    .to_string();
    let line = "‼ apiserver: the certificate of 10.0.0.1:443 expires in 13 days, on ";
    assert!(text.contains(line), "{text}");
    for (strict, failures) in [(false, 0), (true, 1)] {
        let xml = junit::report(&check_states, &expiring, &fixture::exporter(), strict);
        assert!(xml.contains(&format!(r#"failures="{failures}""#)), "{xml}");
    }
}

#[test]
fn junit_failures_match_the_exit_code() {
    let check_states = fixture::eventful().check_states();
    let lax = junit::report(&check_states, &[], &fixture::exporter(), false);
    assert!(
        lax.contains(r#"tests="4" failures="1" errors="0" skipped="1""#),
        "{lax}"
    );
    let strict = junit::report(&check_states, &[], &fixture::exporter(), true);
    assert!(
        strict.contains(r#"tests="4" failures="3" errors="0" skipped="0""#),
        "{strict}"
    );
}

#[test]
fn junit_escapes_evidence() {
    let xml = junit::report(&fixture::eventful().check_states(), &[], &skipping(), true);
    assert!(
        xml.contains(r#"message="answered &lt;b&gt;&quot;late&quot;&lt;/b&gt; &amp; after 11 s""#),
        "{xml}"
    );
    assert!(
        xml.contains(r#"<skipped message="disabled in the &lt;configuration&gt;"/>"#),
        "{xml}"
    );
    assert!(!xml.contains("<b>"), "{xml}");
}
