//! The result of `check` as one line per failing check, the most urgent root cause first.

use std::fmt;

use crate::cli::check::certificates::ExpiringCertificate;
use crate::cli::exit::Exit;
use crate::diagnosis::Diagnosis;
use crate::exporter::Exporter;
use crate::state::CheckState;

/// The result of `check`, displayed as one line per check that sets exit code 1.
#[derive(Debug)]
pub struct ShortReport<'a> {
    /// State of every check that ran.
    pub check_states: &'a [CheckState],
    /// Certificates that expire soon.
    pub expiring: &'a [ExpiringCertificate],
    /// This exporter.
    pub exporter: &'a Exporter,
    /// Whether warnings and unknown results are failures too.
    pub strict: bool,
}

impl fmt::Display for ShortReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let diagnosis = Diagnosis::new(self.check_states, self.exporter.vantage);
        let mut failing: Vec<_> = self
            .check_states
            .iter()
            .filter(|state| Exit::for_status(state.status(), self.strict) == Exit::Failing)
            .map(|state| (diagnosis.root_of(state.check), state))
            .collect();
        let roots = diagnosis.root_checks();
        failing.sort_by_key(|(root, state)| {
            let of = root.unwrap_or(state.check);
            let urgency = roots.iter().position(|root| *root == of);
            (root.is_some(), urgency.unwrap_or(roots.len()))
        });
        for (root, state) in failing {
            write!(f, "{} ({})", state.check, modes(state))?;
            if let Some(root) = root {
                write!(f, ", caused by {root}")?;
            }
            match &state.latest {
                Some(report) => writeln!(f, ": {}", report.verdict.evidence())?,
                None => writeln!(f, ": no result yet")?,
            }
        }
        expiring_certificates(f, self.expiring, self.strict)
    }
}

/// Writes the certificates that set exit code 1.
pub(super) fn expiring_certificates(
    f: &mut fmt::Formatter<'_>,
    expiring: &[ExpiringCertificate],
    strict: bool,
) -> fmt::Result {
    let mut expiring = expiring.iter().filter(|_| strict);
    expiring.try_for_each(|certificate| {
        writeln!(
            f,
            "{} (certificate): {}",
            certificate.check, certificate.evidence
        )
    })
}

/// Returns the failure modes of a check, or its status if it has none.
fn modes(state: &CheckState) -> String {
    let findings = state
        .latest
        .as_ref()
        .map_or(&[][..], |report| report.verdict.findings());
    if findings.is_empty() {
        return state.status().to_string();
    }
    let modes: Vec<_> = findings
        .iter()
        .map(|finding| finding.mode.label())
        .collect();
    modes.join(", ")
}
