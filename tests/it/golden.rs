//! Golden files: the whole text of each kind of output. Other tests assert on single fields.
//!
//! `UPDATE_GOLDEN=1 cargo test --test it golden` writes them.

use std::fs;
use std::path::Path;

use castai_health_exporter::cli::check::junit;
use castai_health_exporter::cli::check::text::TextReport;
use test_support::fixture;

use crate::cli::{program, run};

fn assert_golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        actual == expected,
        "{} differs; UPDATE_GOLDEN=1 updates it:\n{actual}",
        path.display()
    );
}

#[test]
fn golden_check_text() {
    let report = TextReport {
        check_states: &fixture::eventful().check_states(),
        expiring: &[],
        exporter: &fixture::exporter(),
        colours: false,
        list_skipped: true,
    };
    assert_golden("check.txt", &report.to_string());
}

#[test]
fn golden_check_text_of_a_root_cause_with_consequences() {
    let report = TextReport {
        check_states: &fixture::dns_outage().check_states(),
        expiring: &[],
        exporter: &fixture::exporter(),
        colours: false,
        list_skipped: true,
    };
    assert_golden("check_dns_outage.txt", &report.to_string());
}

#[test]
fn golden_check_junit() {
    let check_states = fixture::eventful().check_states();
    let report = junit::report(&check_states, &[], &fixture::exporter(), false);
    assert_golden("check.junit.xml", &report);
}

#[test]
fn golden_explain() {
    let mode = run(&mut program(&["explain", "tls_handshake_timeout"]));
    assert_golden("explain.txt", &mode.stdout);
}

#[test]
fn golden_explain_alert() {
    let alert = run(&mut program(&[
        "explain",
        "CastaiApiserverTlsHandshakeTimeout",
    ]));
    assert_golden("explain_alert.txt", &alert.stdout);
}

#[test]
fn golden_explain_check() {
    let check = run(&mut program(&["explain", "castai_api"]));
    assert_golden("explain_check.txt", &check.stdout);
}

#[test]
fn golden_help() {
    let commands: [&[&str]; 10] = [
        &["--help"],
        &["run", "--help"],
        &["check", "--help"],
        &["bundle", "--help"],
        &["explain", "--help"],
        &["generate", "--help"],
        &["catalogue", "--help"],
        &["completion", "--help"],
        &["man", "--help"],
        &["version", "--help"],
    ];
    let help = commands.map(|args| {
        let output = run(&mut program(args));
        format!(
            "$ castai-health-exporter {}\n{}",
            args.join(" "),
            output.stdout
        )
    });
    assert_golden("help.txt", &help.join("\n"));
}
