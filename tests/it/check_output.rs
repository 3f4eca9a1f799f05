//! Output of `check` as text and `JUnit` XML.

use castai_health_exporter::catalogue::CheckId;
use castai_health_exporter::cli::check::junit;
use castai_health_exporter::cli::check::text::TextReport;
use castai_health_exporter::exporter::{Exporter, Skipped};
use test_support::fixture;

fn text(exporter: &Exporter, colours: bool, list_skipped: bool) -> String {
    TextReport {
        check_states: &fixture::eventful().check_states(),
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
    for line in lines.iter().filter(|line| !line.starts_with(runbook)) {
        assert!(line.chars().count() <= 100, "{line}");
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
fn junit_failures_match_the_exit_code() {
    let check_states = fixture::eventful().check_states();
    let lax = junit::report(&check_states, &fixture::exporter(), false);
    assert!(
        lax.contains(r#"tests="4" failures="1" errors="0" skipped="1""#),
        "{lax}"
    );
    let strict = junit::report(&check_states, &fixture::exporter(), true);
    assert!(
        strict.contains(r#"tests="4" failures="3" errors="0" skipped="0""#),
        "{strict}"
    );
}

#[test]
fn junit_escapes_evidence() {
    let xml = junit::report(&fixture::eventful().check_states(), &skipping(), true);
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
