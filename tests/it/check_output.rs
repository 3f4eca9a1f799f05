//! The result of `check` as people and CI systems read it.

use castai_health_exporter::catalogue::CheckId;
use castai_health_exporter::cli::junit;
use castai_health_exporter::cli::text::Report;
use castai_health_exporter::exporter::{Exporter, Skipped};
use test_support::fixture;

fn text(exporter: &Exporter, colours: bool, skipped: bool) -> String {
    Report {
        standings: &fixture::eventful().standings(),
        exporter,
        colours,
        skipped,
    }
    .to_string()
}

fn lines_at_the_margin(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.starts_with(' ') && !line.is_empty())
        .collect()
}

#[test]
fn every_check_has_one_line_with_its_symbol_and_the_cause() {
    let text = text(&fixture::exporter(), false, true);
    let expected = [
        "√ dns: api.cast.ai resolves",
        "× apiserver: TCP connects, but the TLS handshake does not finish in time (tls_handshake_timeout)",
        "‼ castai_api: CAST AI answers, but later than the agent waits (5 s to connect, 5 s for TLS, 10 s for the answer) (castai_slow)",
        "? clock: not examined",
        "1 failing, 1 warning, 1 unknown, 1 ok; failing: apiserver",
    ];
    assert_eq!(lines_at_the_margin(&text), expected);
}

#[test]
fn what_is_wrong_comes_with_its_evidence_what_mends_it_and_the_runbook() {
    let text = text(&fixture::exporter(), false, true);
    let (_, hint) = text.split_once("× apiserver").expect("it fails");
    let (hint, _) = hint.split_once("‼").expect("the next check");
    assert!(
        hint.contains("\n    10.0.0.1:443 took the connection, then said nothing for 15 s"),
        "{hint}"
    );
    assert!(
        hint.contains("\n    hint: Delete the agent's pod"),
        "{hint}"
    );
    assert!(
        hint.contains(
            "\n    see https://example.org/runbooks/CastaiApiserverTlsHandshakeTimeout.md#"
        ),
        "{hint}"
    );
    let prose = hint
        .lines()
        .filter(|line| line.starts_with("    ") && !line.contains("see "));
    assert!(
        prose.clone().all(|line| line.chars().count() <= 100),
        "{hint}"
    );
    assert!(prose.count() > 3, "{hint}");
}

#[test]
fn colours_are_there_only_when_they_are_asked_for() {
    assert!(!text(&fixture::exporter(), false, true).contains('\u{1b}'));
    assert!(text(&fixture::exporter(), true, true).contains("\u{1b}[31m×\u{1b}[0m apiserver"));
}

#[test]
fn trouble_in_the_environment_stands_on_top() {
    let environment_problems = vec!["environment: API_URL: \":::\" is no address".to_owned()];
    let text = text(
        &Exporter {
            environment_problems,
            ..fixture::exporter()
        },
        false,
        true,
    );
    assert!(
        text.starts_with("× environment: API_URL: \":::\" is no address\n√ dns"),
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
fn a_check_that_does_not_run_is_listed_unless_others_were_chosen() {
    let line = "- clock: skipped, disabled in the <configuration>";
    assert!(text(&skipping(), false, true).contains(line));
    assert!(!text(&skipping(), false, false).contains(line));
}

#[test]
fn junit_counts_as_failures_what_makes_check_end_with_one() {
    let standings = fixture::eventful().standings();
    let lax = junit::report(&standings, &fixture::exporter(), false);
    assert!(
        lax.contains(r#"tests="4" failures="1" errors="0" skipped="1""#),
        "{lax}"
    );
    let strict = junit::report(&standings, &fixture::exporter(), true);
    assert!(
        strict.contains(r#"tests="4" failures="3" errors="0" skipped="0""#),
        "{strict}"
    );
}

#[test]
fn junit_escapes_what_others_said() {
    let xml = junit::report(&fixture::eventful().standings(), &skipping(), true);
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
