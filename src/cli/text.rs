//! The result of `check` for people: one line per check, and what mends what is wrong.

use std::fmt;

use crate::catalogue::{
    CheckId, RUNBOOK_BASE, Status, alert, first_sentence, relations, remedy, runbook_url,
};
use crate::exporter::Exporter;
use crate::report::Finding;
use crate::state::Standing;

/// Columns of a hint; a terminal wraps what is longer.
const WIDTH: usize = 100;
const INDENT: &str = "    ";

/// The result, displayed as text.
#[derive(Debug)]
pub struct Report<'a> {
    /// What is known.
    pub standings: &'a [Standing],
    /// Who says so.
    pub exporter: &'a Exporter,
    /// Whether it may hold colours.
    pub colours: bool,
    /// Whether checks that do not run are listed.
    pub skipped: bool,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.exporter.environment_problems {
            writeln!(f, "{} {problem}", self.symbol(Status::Failing))?;
        }
        for check in CheckId::ALL {
            if let Some(standing) = self
                .standings
                .iter()
                .find(|standing| standing.check == *check)
            {
                self.check(f, standing)?;
            }
            let skipped = self
                .exporter
                .skipped
                .iter()
                .find(|skipped| skipped.check == *check && self.skipped);
            if let Some(skipped) = skipped {
                writeln!(
                    f,
                    "{} {check}: skipped, {}",
                    self.symbol(Status::NotApplicable),
                    skipped.why
                )?;
            }
        }
        writeln!(f, "\n{}", self.summary())
    }
}

impl Report<'_> {
    fn check(&self, f: &mut fmt::Formatter<'_>, standing: &Standing) -> fmt::Result {
        let status = standing.status();
        write!(f, "{} {}: ", self.symbol(status), standing.check)?;
        let Some(report) = &standing.latest else {
            return writeln!(f, "not examined");
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
                    .try_for_each(|finding| self.hint(f, standing.check, finding))
            }
        }
    }

    fn hint(&self, f: &mut fmt::Formatter<'_>, check: CheckId, finding: &Finding) -> fmt::Result {
        paragraph(f, finding.evidence.as_str())?;
        let (root, _) = relations::root(check, finding.mode);
        if root != check
            && self
                .standings
                .iter()
                .any(|other| other.check == root && other.status() == Status::Failing)
        {
            return writeln!(f, "{INDENT}follows from {root}");
        }
        paragraph(f, &format!("hint: {}", remedy(check, finding.mode)))?;
        let base = &self.exporter.runbook_base;
        match alert::explaining(check, finding.mode) {
            // The pages' paths in the repository lead nowhere from here.
            Some(alert) if base == RUNBOOK_BASE => {
                writeln!(
                    f,
                    "{INDENT}more: castai-health-exporter explain {}",
                    alert.name
                )
            }
            Some(_) => match runbook_url(base, check, finding.mode) {
                Some(runbook) => writeln!(f, "{INDENT}see {runbook}"),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    fn symbol(&self, status: Status) -> String {
        let (symbol, colour) = match status {
            Status::Ok => ("√", 32),
            Status::Warning => ("‼", 33),
            Status::Failing => ("×", 31),
            Status::Unknown => ("?", 33),
            Status::NotApplicable => ("-", 2),
        };
        if self.colours {
            format!("\u{1b}[{colour}m{symbol}\u{1b}[0m")
        } else {
            symbol.to_owned()
        }
    }

    fn summary(&self) -> String {
        let count = |status: Status| {
            self.standings
                .iter()
                .filter(|standing| standing.status() == status)
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
        let failing = self
            .standings
            .iter()
            .filter(|standing| standing.status() == Status::Failing);
        let failing: Vec<&str> = failing.map(|standing| standing.check.label()).collect();
        let names = if failing.is_empty() {
            String::new()
        } else {
            format!("; failing: {}", failing.join(", "))
        };
        if parts.is_empty() {
            "nothing was examined".to_owned()
        } else {
            parts.join(", ") + &names
        }
    }
}

/// What is wrong in one sentence, and its name.
fn cause(finding: &Finding) -> String {
    let sentence = first_sentence(finding.mode.entry().meaning);
    format!("{} ({})", sentence.trim_end_matches('.'), finding.mode)
}

/// Indented lines of bounded width.
fn paragraph(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty()
            && line.chars().count() + 1 + word.chars().count() > WIDTH - INDENT.len()
        {
            writeln!(f, "{INDENT}{line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(f, "{INDENT}{line}")
}
