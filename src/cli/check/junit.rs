//! The result of `check` as `JUnit` XML for CI systems.
//!
//! A check that sets exit code 1 is a failure; an unknown or not applicable one is skipped.

use std::fmt::Write;

use crate::catalogue::{CheckId, Status};
use crate::cli::check::certificates::ExpiringCertificate;
use crate::cli::exit::Exit;
use crate::cli::prose;
use crate::diagnosis::Diagnosis;
use crate::exporter::Exporter;
use crate::report::Finding;
use crate::state::CheckState;

/// Returns a test suite with one test case per check.
pub fn report(
    check_states: &[CheckState],
    expiring: &[ExpiringCertificate],
    exporter: &Exporter,
    strict: bool,
) -> String {
    let fails =
        |check_state: &&CheckState| Exit::for_status(check_state.status(), strict) == Exit::Failing;
    let skips = |check_state: &&CheckState| {
        !fails(check_state)
            && matches!(
                check_state.status(),
                Status::Unknown | Status::NotApplicable
            )
    };
    let tests = check_states.len() + exporter.skipped.len() + expiring.len();
    let failing_certificates = if strict { expiring.len() } else { 0 };
    let failures = check_states.iter().filter(fails).count() + failing_certificates;
    let skipped = check_states.iter().filter(skips).count() + exporter.skipped.len();
    let diagnosis = Diagnosis::new(check_states, exporter.vantage);
    let mut cases = String::new();
    for check_state in check_states {
        let outcome = if fails(&check_state) {
            Outcome::Failure
        } else if skips(&check_state) {
            Outcome::Skipped
        } else {
            Outcome::Passed
        };
        let root = diagnosis.root_of(check_state.check);
        case(&mut cases, check_state, &outcome, root);
    }
    for certificate in expiring {
        certificate_case(&mut cases, certificate, strict);
    }
    for skipped in &exporter.skipped {
        let (check, why) = (skipped.check, escaped(&skipped.why));
        line(
            &mut cases,
            &format!(r#"    <testcase classname="castai-health-exporter" name="{check}">"#),
        );
        line(&mut cases, &format!(r#"      <skipped message="{why}"/>"#));
        line(&mut cases, "    </testcase>");
    }
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="castai-health-exporter" tests="{tests}" failures="{failures}" errors="0" skipped="{skipped}">
{cases}  </testsuite>
</testsuites>
"#
    )
}

enum Outcome {
    Passed,
    Failure,
    Skipped,
}

/// Writes the test case of a certificate that expires soon.
pub(super) fn certificate_case(cases: &mut String, certificate: &ExpiringCertificate, fails: bool) {
    let (check, evidence) = (certificate.check, escaped(&certificate.evidence));
    line(
        cases,
        &format!(r#"    <testcase classname="castai-health-exporter" name="{check} certificate">"#),
    );
    line(
        cases,
        &if fails {
            format!(r#"      <failure type="certificate" message="{evidence}"/>"#)
        } else {
            format!("      <system-out>warning: {evidence}</system-out>")
        },
    );
    line(cases, "    </testcase>");
}

fn case(cases: &mut String, check_state: &CheckState, outcome: &Outcome, root: Option<CheckId>) {
    let (check, status) = (check_state.check, check_state.status());
    let evidence = check_state
        .latest
        .as_ref()
        .map_or_else(String::new, |report| report.verdict.evidence().to_string());
    let caused_by = root.map_or_else(String::new, |root| format!("caused by {root}: "));
    let evidence = escaped(&(caused_by + &evidence));
    let findings = check_state
        .latest
        .as_ref()
        .map_or_else(Vec::new, |report| report.verdict.findings().to_vec());
    let seconds = check_state
        .latest
        .iter()
        .flat_map(|report| &report.targets)
        .map(|target| {
            target
                .phases
                .iter()
                .map(|phase| phase.duration.as_secs_f64())
                .sum::<f64>()
        })
        .fold(0.0, f64::max);
    line(
        cases,
        &format!(
            r#"    <testcase classname="castai-health-exporter" name="{check}" time="{seconds:.3}">"#
        ),
    );
    match outcome {
        Outcome::Passed => line(
            cases,
            &format!("      <system-out>{status}: {evidence}</system-out>"),
        ),
        Outcome::Skipped => line(
            cases,
            &format!(r#"      <skipped message="{status}: {evidence}"/>"#),
        ),
        Outcome::Failure => {
            let kind = findings
                .first()
                .map_or(status.label(), |finding| finding.mode.label());
            let remedies: Vec<String> = findings
                .iter()
                .map(|finding| remedy_of(check, finding))
                .collect();
            let remedies = escaped(&remedies.join("\n\n"));
            line(
                cases,
                &format!(
                    r#"      <failure type="{kind}" message="{evidence}">{remedies}</failure>"#
                ),
            );
        }
    }
    line(cases, "    </testcase>");
}

/// Returns meaning and fix of a failure; each command is on a separate line.
fn remedy_of(check: CheckId, finding: &Finding) -> String {
    let mut text = format!("{}: {}\n", finding.mode, finding.mode.entry().meaning);
    prose::remedy(&mut text, "", "fix", &finding.remedy(check))
        .expect("writing to a string succeeds");
    text.trim_end().to_owned()
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string succeeds");
}

/// Escapes text for XML 1.0; characters that it cannot represent become U+FFFD.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_escapes_quotes_and_control_characters() {
        assert_eq!(
            escaped("\"/><x>&\u{1b}\u{ffff}"),
            "&quot;/&gt;&lt;x&gt;&amp;\u{fffd}\u{fffd}"
        );
    }
}
