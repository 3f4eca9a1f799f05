//! The report as `JUnit` XML: one test case per check, with the worst result of all vantages.

use crate::cli::check::doctor::examination::Examination;
use crate::cli::check::doctor::short::sets_exit_code;
use crate::cli::check::junit::{certificate_case, escaped};

/// Returns a test suite.
pub(super) fn report(examination: &Examination, strict: bool) -> String {
    let findings = &examination.findings;
    let (mut failures, mut skipped) = (0_usize, 0);
    let mut cases = String::new();
    for check in &findings.checks {
        let evidence = escaped(check.evidence.as_str());
        let outcome = if sets_exit_code(check, strict) {
            failures += 1;
            let root = findings.root_of(&check.id);
            let caused_by = root.map_or_else(String::new, |root| {
                format!("caused by {} ({}): ", root.check, root.mode)
            });
            let own = findings.roots.iter().find(|root| root.check == check.id);
            let kind = own.map_or(check.status(), |root| root.mode.as_str());
            let remedy = own.map_or_else(String::new, |root| escaped(root.remedy.as_str()));
            format!(r#"<failure type="{kind}" message="{caused_by}{evidence}">{remedy}</failure>"#)
        } else if matches!(check.status(), "unknown" | "not_applicable") {
            skipped += 1;
            format!(r#"<skipped message="{}: {evidence}"/>"#, check.status())
        } else {
            format!("<system-out>{}: {evidence}</system-out>", check.status())
        };
        cases.push_str(&case(check.id.as_str(), &outcome));
    }
    for check in &examination.only_in_a_pod {
        skipped += 1;
        cases.push_str(&case(
            check.label(),
            r#"<skipped message="only a pod can see it"/>"#,
        ));
    }
    for certificate in &examination.expiring {
        failures += usize::from(strict);
        certificate_case(&mut cases, certificate, strict);
    }
    let tests =
        findings.checks.len() + examination.expiring.len() + examination.only_in_a_pod.len();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="castai-health-exporter" tests="{tests}" failures="{failures}" errors="0" skipped="{skipped}">
{cases}  </testsuite>
</testsuites>
"#
    )
}

fn case(check: &str, outcome: &str) -> String {
    format!(
        "    <testcase classname=\"castai-health-exporter\" name=\"{check}\">\n      {outcome}\n    \
         </testcase>\n"
    )
}
