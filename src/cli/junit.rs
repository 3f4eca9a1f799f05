//! The result of `check` as the XML of `JUnit`, which CI systems show.
//!
//! What makes `check` end with 1 is a failure; what could not be found out or does not apply is skipped.

use std::fmt::Write;

use crate::catalogue::{Status, remedy};
use crate::cli::check::counts_as_failure;
use crate::exporter::Exporter;
use crate::state::Standing;

/// One test suite with a test case per check.
pub fn report(standings: &[Standing], exporter: &Exporter, strict: bool) -> String {
    let fails = |standing: &&Standing| counts_as_failure(standing.status(), strict);
    let skips = |standing: &&Standing| {
        !fails(standing) && matches!(standing.status(), Status::Unknown | Status::NotApplicable)
    };
    let tests = standings.len() + exporter.skipped.len();
    let failures = standings.iter().filter(fails).count();
    let skipped = standings.iter().filter(skips).count() + exporter.skipped.len();
    let mut cases = String::new();
    for standing in standings {
        let outcome = if fails(&standing) {
            Outcome::Failure
        } else if skips(&standing) {
            Outcome::Skipped
        } else {
            Outcome::Passed
        };
        case(&mut cases, standing, &outcome);
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

fn case(cases: &mut String, standing: &Standing, outcome: &Outcome) {
    let (check, status) = (standing.check, standing.status());
    let evidence = standing
        .latest
        .as_ref()
        .map_or_else(String::new, |report| report.verdict.evidence().to_string());
    let evidence = escaped(&evidence);
    let findings = standing
        .latest
        .as_ref()
        .map_or_else(Vec::new, |report| report.verdict.findings().to_vec());
    let seconds = standing
        .latest
        .iter()
        .flat_map(|report| &report.targets)
        .map(|target| {
            target
                .phases
                .iter()
                .map(|phase| phase.took.as_secs_f64())
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
                .map(|finding| {
                    format!(
                        "{}: {}\n{}",
                        finding.mode,
                        finding.mode.entry().meaning,
                        remedy(check, finding.mode)
                    )
                })
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

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes everything");
}

/// Text as XML 1.0 may hold it; what it may not hold at all becomes U+FFFD.
fn escaped(text: &str) -> String {
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
    fn foreign_text_cannot_leave_its_attribute() {
        assert_eq!(
            escaped("\"/><x>&\u{1b}\u{ffff}"),
            "&quot;/&gt;&lt;x&gt;&amp;\u{fffd}\u{fffd}"
        );
    }
}
