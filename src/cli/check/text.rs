//! The result of `check` as text: root causes with evidence, fix and what they also affect, then
//! one line per remaining check.

use std::fmt;

use crate::catalogue::{
    CheckId, ExporterAlert, RUNBOOK_BASE, Status, alert, first_sentence, runbook_url,
};
use crate::cli::check::certificates::ExpiringCertificate;
use crate::cli::prose;
use crate::diagnosis::Diagnosis;
use crate::exporter::Exporter;
use crate::report::Finding;
use crate::state::CheckState;

/// Indentation of everything below the line of a check.
pub(super) const INDENT: &str = "    ";

/// The result of `check`, displayed as text.
#[derive(Debug)]
pub struct TextReport<'a> {
    /// State of every check that ran.
    pub check_states: &'a [CheckState],
    /// Certificates that expire soon.
    pub expiring: &'a [ExpiringCertificate],
    /// This exporter.
    pub exporter: &'a Exporter,
    /// Whether to colour the symbols.
    pub colours: bool,
    /// Whether to list checks that did not run.
    pub list_skipped: bool,
}

impl fmt::Display for TextReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.exporter.environment_problems {
            writeln!(f, "{} {problem}", self.symbol(Status::Failing))?;
        }
        let diagnosis = Diagnosis::new(self.check_states, self.exporter.vantage);
        for root in diagnosis.root_checks() {
            self.root(f, root, &diagnosis)?;
        }
        for check in CheckId::ALL {
            let explained =
                diagnosis.of(*check).next().is_some() || diagnosis.root_of(*check).is_some();
            if let Some(check_state) = self.state(*check).filter(|_| !explained) {
                self.check(f, check_state)?;
            }
            let skipped = self
                .exporter
                .skipped
                .iter()
                .find(|skipped| skipped.check == *check && self.list_skipped);
            if let Some(skipped) = skipped {
                writeln!(
                    f,
                    "{} {check}: skipped: {}",
                    self.symbol(Status::NotApplicable),
                    skipped.why
                )?;
            }
        }
        for certificate in self.expiring {
            expiring_certificate(f, certificate, self.colours)?;
        }
        writeln!(f, "\n{}", self.summary())?;
        match self.root_causes(&diagnosis).as_slice() {
            [] => Ok(()),
            [root] => writeln!(f, "root cause: {root}"),
            roots => writeln!(f, "root causes: {}", roots.join(", ")),
        }
    }
}

impl TextReport<'_> {
    fn state(&self, check: CheckId) -> Option<&CheckState> {
        self.check_states
            .iter()
            .find(|check_state| check_state.check == check)
    }

    /// Writes a root cause and what it also affects.
    fn root(
        &self,
        f: &mut fmt::Formatter<'_>,
        root: CheckId,
        diagnosis: &Diagnosis,
    ) -> fmt::Result {
        let Some(check_state) = self.state(root) else {
            return Ok(());
        };
        self.check(f, check_state)?;
        let affected = diagnosis.affected_by(root);
        if !affected.is_empty() {
            writeln!(f, "{INDENT}also affected:")?;
        }
        for check_state in affected.into_iter().filter_map(|check| self.state(check)) {
            let (symbol, check) = (self.symbol(check_state.status()), check_state.check);
            let report = check_state.latest.as_ref();
            let findings = report.map_or(&[][..], |report| report.verdict.findings());
            let causes: Vec<_> = findings.iter().map(cause).collect();
            match (causes.as_slice(), report) {
                ([], Some(report)) => writeln!(
                    f,
                    "{INDENT}  {symbol} {check}: {}, {}",
                    check_state.status(),
                    report.verdict.evidence()
                )?,
                ([], None) => writeln!(f, "{INDENT}  {symbol} {check}: no result yet")?,
                (causes, _) => writeln!(f, "{INDENT}  {symbol} {check}: {}", causes.join("; "))?,
            }
        }
        Ok(())
    }

    /// Returns the root causes of what fails, or of what warns if nothing fails.
    fn root_causes(&self, diagnosis: &Diagnosis) -> Vec<String> {
        let with = |status: Status| -> Vec<String> {
            let of = |root: &CheckId| {
                let affected = diagnosis.affected_by(*root);
                std::iter::once(root).chain(&affected).any(|check| {
                    self.state(*check)
                        .is_some_and(|state| state.status() == status)
                })
            };
            let name = |root: CheckId| {
                let modes: Vec<_> = diagnosis
                    .of(root)
                    .map(|failure| failure.mode.label())
                    .collect();
                format!("{root} ({})", modes.join(", "))
            };
            diagnosis
                .root_checks()
                .into_iter()
                .filter(of)
                .map(name)
                .collect()
        };
        let failing = with(Status::Failing);
        if failing.is_empty() {
            with(Status::Warning)
        } else {
            failing
        }
    }

    fn check(&self, f: &mut fmt::Formatter<'_>, check_state: &CheckState) -> fmt::Result {
        let status = check_state.status();
        write!(f, "{} {}: ", self.symbol(status), check_state.check)?;
        let Some(report) = &check_state.latest else {
            return writeln!(f, "no result yet");
        };
        match status {
            Status::Unknown => write!(f, "unknown, ")?,
            Status::NotApplicable => write!(f, "not applicable, ")?,
            Status::Ok | Status::Warning | Status::Failing => {}
        }
        match report.verdict.findings() {
            [] => writeln!(f, "{}", report.verdict.evidence()),
            findings => {
                let causes: Vec<_> = findings.iter().map(cause).collect();
                writeln!(f, "{}", causes.join("; "))?;
                findings
                    .iter()
                    .try_for_each(|finding| self.hint(f, check_state.check, finding))
            }
        }
    }

    fn hint(&self, f: &mut fmt::Formatter<'_>, check: CheckId, finding: &Finding) -> fmt::Result {
        paragraph(f, finding.evidence.as_str())?;
        prose::remedy(f, INDENT, "fix", &finding.remedy(check))?;
        let base = &self.exporter.runbook_base;
        match alert::covering(check, finding.mode) {
            // Without a base URL, runbook links are paths in the repository.
            Some(alert) if base == RUNBOOK_BASE => {
                writeln!(
                    f,
                    "{INDENT}details: castai-health-exporter explain {}",
                    alert.name
                )
            }
            Some(_) => match runbook_url(base, check, finding.mode) {
                Some(runbook) => writeln!(f, "{INDENT}runbook: {runbook}"),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    fn symbol(&self, status: Status) -> String {
        symbol(status, self.colours)
    }

    fn summary(&self) -> String {
        let count = |status: Status| {
            self.check_states
                .iter()
                .filter(|check_state| check_state.status() == status)
                .count()
        };
        let words = [
            (Status::Failing, "failing"),
            (Status::Warning, "warning"),
            (Status::Unknown, "unknown"),
            (Status::Ok, "ok"),
            (Status::NotApplicable, "not applicable"),
        ];
        let parts: Vec<String> = words
            .iter()
            .map(|(status, word)| (count(*status), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        if parts.is_empty() {
            "no checks ran".to_owned()
        } else {
            parts.join(", ")
        }
    }
}

/// Writes a certificate that expires soon.
pub(super) fn expiring_certificate(
    f: &mut fmt::Formatter<'_>,
    certificate: &ExpiringCertificate,
    colours: bool,
) -> fmt::Result {
    let (symbol, check) = (symbol(Status::Warning, colours), certificate.check);
    writeln!(f, "{symbol} {check}: {}", certificate.evidence)?;
    writeln!(
        f,
        "{INDENT}details: castai-health-exporter explain {}",
        ExporterAlert::CertificateExpiring.entry().name
    )
}

/// Returns the symbol of a status, on a terminal in its colour.
pub(super) fn symbol(status: Status, colours: bool) -> String {
    let (symbol, colour) = match status {
        Status::Ok => ("√", 32),
        Status::Warning => ("‼", 33),
        Status::Failing => ("×", 31),
        Status::Unknown => ("?", 33),
        Status::NotApplicable => ("-", 2),
    };
    if colours {
        format!("\u{1b}[{colour}m{symbol}\u{1b}[0m")
    } else {
        symbol.to_owned()
    }
}

/// Returns the meaning of the failure mode in one sentence, with its label.
fn cause(finding: &Finding) -> String {
    let sentence = first_sentence(finding.mode.entry().meaning);
    format!("{} ({})", sentence.trim_end_matches('.'), finding.mode)
}

/// Writes a paragraph below a check.
pub(super) fn paragraph(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    prose::paragraph(f, INDENT, text)
}
