//! The report as one line per failing check, the most urgent root cause first.

use std::fmt;

use crate::cli::check::doctor::examination::Examination;
use crate::cli::check::short::expiring_certificates;
use crate::doctor::findings::SharedCheck;

/// The report, displayed as one line per check that sets exit code 1.
pub(super) struct ShortReport<'a> {
    pub(super) examination: &'a Examination,
    /// Whether warnings and unknown results are failures too.
    pub(super) strict: bool,
}

impl fmt::Display for ShortReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let findings = &self.examination.findings;
        let mut failing: Vec<_> = findings
            .checks
            .iter()
            .filter(|check| sets_exit_code(check, self.strict))
            .map(|check| (findings.root_of(&check.id), check))
            .collect();
        failing.sort_by_key(|(root, check)| {
            let of = root.map_or(&check.id, |root| &root.check);
            let urgency = findings.roots.iter().position(|root| root.check == *of);
            (root.is_some(), urgency.unwrap_or(findings.roots.len()))
        });
        for (root, check) in failing {
            let modes: Vec<&str> = findings
                .roots
                .iter()
                .filter(|root| root.check == check.id)
                .map(|root| root.mode.as_str())
                .collect();
            let modes = if modes.is_empty() {
                check.status().to_owned()
            } else {
                modes.join(", ")
            };
            write!(f, "{} ({modes})", check.id)?;
            if let Some(root) = root {
                write!(f, ", caused by {}", root.check)?;
            }
            writeln!(f, ": {}", check.evidence)?;
        }
        expiring_certificates(f, &self.examination.expiring, self.strict)
    }
}

/// Returns whether a check sets exit code 1.
pub(super) fn sets_exit_code(check: &SharedCheck, strict: bool) -> bool {
    match check.status() {
        "failing" => true,
        "warning" | "unknown" => strict,
        _ => false,
    }
}
