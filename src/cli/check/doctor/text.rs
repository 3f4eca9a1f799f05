//! The report as text: root causes with who sees them, then all vantages side by side.

use std::collections::BTreeSet;
use std::fmt;

use crate::catalogue::{RUNBOOK_BASE, Status, alert, first_sentence};
use crate::cli::check::doctor::examination::Examination;
use crate::cli::check::text::{INDENT, expiring_certificate, paragraph, symbol};
use crate::cli::prose;
use crate::doctor::findings::{Cell, SharedCheck, Sighting};
use crate::doctor::{Place, SharedRoot, View};

/// The report, displayed as text.
pub(super) struct DoctorReport<'a> {
    pub(super) examination: &'a Examination,
    /// Whether to colour the symbols.
    pub(super) colours: bool,
}

impl fmt::Display for DoctorReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Examination {
            agent: (namespace, deployment),
            findings,
            ..
        } = self.examination;
        writeln!(
            f,
            "agent {namespace}/{deployment}, seen by {}\n",
            self.vantages()
        )?;
        for root in &findings.roots {
            self.root(f, root)?;
        }
        self.unknown(f)?;
        for certificate in &self.examination.expiring {
            expiring_certificate(f, certificate, self.colours)?;
        }
        if !self.examination.expiring.is_empty() {
            writeln!(f)?;
        }
        self.table(f)?;
        self.notes(f)?;
        writeln!(f, "\n{}", self.summary())?;
        let names: Vec<_> = findings
            .roots
            .iter()
            .map(|root| format!("{} ({})", root.check, root.mode))
            .collect();
        match names.as_slice() {
            [] => Ok(()),
            [root] => writeln!(f, "root cause: {root}"),
            roots => writeln!(f, "root causes: {}", roots.join(", ")),
        }
    }
}

impl DoctorReport<'_> {
    /// Returns the vantages that have a verdict, such as `2 sidecars, 1 companion, this machine`.
    fn vantages(&self) -> String {
        let count = |place: Place| {
            let views = self.examination.views.iter();
            views
                .filter(|view| view.place == place && view.verdict.is_ok())
                .count()
        };
        let parts: Vec<String> = Place::ALL
            .iter()
            .filter_map(|place| match (place, count(*place)) {
                (_, 0) => None,
                (Place::ThisMachine, _) => Some(place.to_string()),
                (_, 1) => Some(format!("1 {place}")),
                (_, several) => Some(format!("{several} {place}s")),
            })
            .collect();
        parts.join(", ")
    }

    fn root(&self, f: &mut fmt::Formatter<'_>, root: &SharedRoot) -> fmt::Result {
        let status = if root.fails {
            Status::Failing
        } else {
            Status::Warning
        };
        let meaning = first_sentence(root.text.meaning.as_str());
        let meaning = meaning.trim_end_matches('.');
        let cause = if meaning.is_empty() {
            root.mode.to_string()
        } else {
            format!("{meaning} ({})", root.mode)
        };
        writeln!(
            f,
            "{} {}: {cause}",
            symbol(status, self.colours),
            root.check
        )?;
        paragraph(f, root.text.evidence.as_str())?;
        prose::remedy(f, INDENT, "fix", &root.remedy)?;
        let seen: Vec<String> = root.seen_by.iter().map(sighting).collect();
        let since = root.since.map_or_else(String::new, |since| {
            format!(", since {}", since.strftime("%Y-%m-%d %H:%M:%S UTC"))
        });
        writeln!(f, "{INDENT}seen by: {}{since}", seen.join(", "))?;
        if !root.also_affected.is_empty() {
            let affected: Vec<_> = root.also_affected.iter().map(ToString::to_string).collect();
            paragraph(f, &format!("also affected: {}", affected.join(", ")))?;
        }
        let alert = root
            .known()
            .and_then(|(check, mode)| alert::covering(check, mode));
        match alert {
            Some(alert) if self.examination.runbook_base == RUNBOOK_BASE => writeln!(
                f,
                "{INDENT}details: castai-health-exporter explain {}",
                alert.name
            )?,
            Some(_) if !root.text.runbook.as_str().is_empty() => {
                writeln!(f, "{INDENT}runbook: {}", root.text.runbook)?;
            }
            _ => {}
        }
        writeln!(f)
    }

    /// Writes the checks with an unknown result everywhere, with the reason.
    fn unknown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let findings = &self.examination.findings;
        let unknown = findings
            .checks
            .iter()
            .filter(|check| check.status() == "unknown" && findings.root_of(&check.id).is_none());
        let mut any = false;
        for check in unknown {
            any = true;
            let symbol = symbol(Status::Unknown, self.colours);
            writeln!(f, "{symbol} {}: unknown, {}", check.id, check.evidence)?;
        }
        if any { writeln!(f) } else { Ok(()) }
    }

    /// Writes one line per check and one column per vantage.
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let applies = |check: &&SharedCheck| check.status() != "not_applicable";
        let checks: Vec<_> = self
            .examination
            .findings
            .checks
            .iter()
            .filter(applies)
            .collect();
        let has_cells = |place: &&Place| {
            let mut cells = checks.iter().flat_map(|check| &check.cells);
            cells.any(|cell| cell.place == **place)
        };
        let places: Vec<Place> = Place::ALL.iter().filter(has_cells).copied().collect();
        let width = |place: &Place| place.label().chars().count().max(6) + 2;
        let name_width = checks.iter().map(|check| check.id.as_str().len()).max();
        let name_width = name_width.unwrap_or(0) + 2;
        write!(f, "{:name_width$}", "")?;
        for (at, place) in places.iter().enumerate() {
            if at + 1 == places.len() {
                write!(f, "{place}")?;
            } else {
                write!(f, "{:width$}", place.label(), width = width(place))?;
            }
        }
        writeln!(f)?;
        for check in checks {
            let mut line = format!("{:name_width$}", check.id.as_str());
            for place in &places {
                let cell = check.cells.iter().find(|cell| cell.place == *place);
                let text = cell.map_or_else(String::new, count);
                let shown = cell.map_or_else(String::new, |cell| self.cell(cell));
                let padding = width(place).saturating_sub(text.chars().count());
                line.push_str(&shown);
                line.push_str(&" ".repeat(padding));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn cell(&self, cell: &Cell) -> String {
        let plain = count(cell);
        let mark = symbol(status_of(cell.status), self.colours);
        plain.replacen(symbol(status_of(cell.status), false).as_str(), &mark, 1)
    }

    /// Writes what could not be read, and what only a pod can see.
    fn notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let examination = self.examination;
        let mut notes: Vec<String> = examination.agent_problem.iter().cloned().collect();
        notes.extend(environment_problems(&examination.views));
        notes.extend(examination.views.iter().filter_map(unread));
        notes.extend(examination.views.iter().filter_map(newer));
        notes.extend(examination.remarks.clone());
        if !examination.only_in_a_pod.is_empty() {
            let checks = examination.only_in_a_pod.iter().map(|check| check.label());
            let checks = checks.collect::<Vec<_>>().join(", ");
            let views = &examination.views;
            let had_a_pod = views
                .iter()
                .any(|view| view.place == Place::ShortLivedPod && view.verdict.is_ok());
            notes.push(if had_a_pod {
                format!("only the agent's pod can see {checks}: install the exporter as a sidecar")
            } else {
                format!(
                    "only a pod can see {checks}: run check --in-cluster, or install the exporter"
                )
            });
        }
        if !notes.is_empty() {
            writeln!(f)?;
        }
        for note in notes {
            writeln!(f, "{} {note}", symbol(Status::NotApplicable, self.colours))?;
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let count = |status: &str| {
            let checks = &self.examination.findings.checks;
            checks
                .iter()
                .filter(|check| check.status() == status)
                .count()
        };
        let words = [
            ("failing", "failing"),
            ("warning", "warning"),
            ("unknown", "unknown"),
            ("ok", "ok"),
            ("not_applicable", "not applicable"),
        ];
        let mut parts: Vec<String> = words
            .iter()
            .map(|(status, word)| (count(status), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        match self.examination.only_in_a_pod.len() {
            0 => {}
            not_checked => parts.push(format!("{not_checked} not checked")),
        }
        parts.join(", ")
    }
}

/// Returns the symbol, with the numbers of pods if there are several.
fn count(cell: &Cell) -> String {
    let mark = symbol(status_of(cell.status), false);
    match (cell.count, cell.of) {
        (_, 1) => mark,
        (count, of) if count == of => format!("{mark} {of}"),
        (count, of) => format!("{mark} {count}/{of}"),
    }
}

fn status_of(label: &str) -> Status {
    let known = Status::ALL.iter().find(|status| status.label() == label);
    known.copied().unwrap_or(Status::Unknown)
}

fn sighting(seen: &Sighting) -> String {
    let Sighting { place, pods, of } = seen;
    match (place, of, pods.as_slice()) {
        (Place::ThisMachine, ..) => place.to_string(),
        (_, 1, [pod]) => format!("{place} {}", name(pod)),
        (_, of, pods) if pods.len() == *of => format!("{place} in all {of} pods"),
        (_, of, pods) => {
            let names: Vec<&str> = pods.iter().map(|pod| name(pod)).collect();
            format!(
                "{place} in {} of {of} pods ({})",
                pods.len(),
                names.join(", ")
            )
        }
    }
}

/// Returns the name in `NAMESPACE/NAME`.
fn name(pod: &str) -> &str {
    pod.split_once('/').map_or(pod, |(_, name)| name)
}

/// Returns the invalid values in the agent's environment, each once.
fn environment_problems(views: &[View]) -> BTreeSet<String> {
    views
        .iter()
        .filter_map(|view| view.verdict.as_ref().ok())
        .flat_map(|document| &document.exporter.environment_problems)
        .map(|problem| format!("the agent's environment: {problem}"))
        .collect()
}

fn unread(view: &View) -> Option<String> {
    let error = view.verdict.as_ref().err()?;
    Some(format!("{} {}: {error}", view.place, view.pod))
}

fn newer(view: &View) -> Option<String> {
    let document = view
        .verdict
        .as_ref()
        .ok()
        .filter(|document| document.is_newer())?;
    Some(format!(
        "{} {} runs version {} with a newer report than this program knows: parts may be missing",
        view.place, view.pod, document.exporter.version
    ))
}
