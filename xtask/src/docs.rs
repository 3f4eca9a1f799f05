//! The tables of the pages in docs, between `<!-- generated: NAME -->` and `<!-- end generated -->`.

mod symptoms;

use std::fmt::Write;

use castai_health_exporter::alerting::file::GeneratedFile;
use castai_health_exporter::bundle::allowed_values::ALLOWED_VARIABLES;
use castai_health_exporter::catalogue::alert::covering;
use castai_health_exporter::catalogue::metric::METRICS;
use castai_health_exporter::catalogue::{CheckId, FailureMode};
use castai_health_exporter::config::exporter::keys::{KEYS, Key};
use castai_health_exporter::config::exporter::web;

use crate::markdown::escape_cell;

/// The pages with tables.
pub(crate) const PAGES: [&str; 5] = [
    "docs/bundle.md",
    "docs/checks.md",
    "docs/metrics.md",
    "docs/configuration.md",
    "docs/symptoms.md",
];
/// Path of a runbook from a page.
const RUNBOOKS: &str = "../alerts/runbooks";

const BEGIN: &str = "<!-- generated: ";
const BEGIN_ENDS: &str = " -->";
const END: &str = "<!-- end generated -->";

/// Returns a page with its tables updated.
pub(crate) fn file(path: &str, page: &str) -> GeneratedFile {
    GeneratedFile {
        path: path.to_owned(),
        contents: filled(page),
    }
}

/// Fills in the tables; a marker with an unknown name or without an end is left as it is.
fn filled(page: &str) -> String {
    let mut filled = String::new();
    let mut rest = page;
    while let Some((before, from)) = rest.split_once(BEGIN) {
        let block = from
            .split_once(BEGIN_ENDS)
            .and_then(|(name, from)| Some((table(name)?, name, from.split_once(END)?)));
        filled.push_str(before);
        filled.push_str(BEGIN);
        rest = from;
        if let Some((table, name, (_, after))) = block {
            write!(filled, "{name}{BEGIN_ENDS}\n{table}{END}")
                .expect("writing to a string succeeds");
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

/// Renders a table.
type Render = fn() -> String;

/// The tables by name.
pub(crate) const TABLES: [(&str, Render); 7] = [
    ("allowed variables", allowed_variables),
    ("checks", checks),
    ("modes", modes),
    ("metrics", metrics),
    ("configuration", configuration),
    ("web configuration", web_configuration),
    ("symptoms", symptom_sections),
];

fn table(name: &str) -> Option<String> {
    let (_, table) = TABLES.iter().find(|(known, _)| *known == name)?;
    Some(table())
}

fn allowed_variables() -> String {
    rows(
        &["Variable", "Shown", "Why"],
        ALLOWED_VARIABLES,
        |allowed| {
            vec![
                format!("`{}`", allowed.name),
                allowed.form.meaning().to_owned(),
                allowed.why.to_owned(),
            ]
        },
    )
}

fn symptom_sections() -> String {
    symptoms::sections(RUNBOOKS)
}

fn checks() -> String {
    rows(
        &["Check", "Question", "Interval", "Scope"],
        CheckId::ALL,
        |check| {
            let entry = check.entry();
            vec![
                format!("`{check}`"),
                entry.question.to_owned(),
                format!("{} s", entry.interval.as_secs()),
                format!("`{}`", entry.scope.label()),
            ]
        },
    )
}

fn modes() -> String {
    rows(
        &["Failure mode", "Meaning", "Checks", "Alerts"],
        FailureMode::ALL,
        |mode| {
            let shown: Vec<CheckId> = CheckId::ALL
                .iter()
                .copied()
                .filter(|check| mode.shown_by(*check))
                .collect();
            let checks: Vec<String> = shown.iter().map(|check| format!("`{check}`")).collect();
            let mut alerts: Vec<String> = Vec::new();
            for alert in shown.iter().filter_map(|check| covering(*check, *mode)) {
                let link = format!("[{0}]({RUNBOOKS}/{0}.md)", alert.name);
                if !alerts.contains(&link) {
                    alerts.push(link);
                }
            }
            vec![
                format!("`{mode}`"),
                mode.entry().meaning.to_owned(),
                checks.join(" "),
                alerts.join(" "),
            ]
        },
    )
}

fn metrics() -> String {
    rows(
        &["Metric", "Type", "Labels", "Meaning"],
        METRICS,
        |metric| {
            let labels: Vec<String> = metric
                .labels
                .iter()
                .map(|label| format!("`{}`", label.name))
                .collect();
            vec![
                format!("`{}`", metric.full_name()),
                metric.kind.label().to_owned(),
                labels.join(" "),
                metric.help.to_owned(),
            ]
        },
    )
}

fn configuration() -> String {
    keys(KEYS)
}

fn web_configuration() -> String {
    keys(web::KEYS)
}

fn keys(keys: &[Key]) -> String {
    rows(&["Key", "Value", "Default", "Meaning"], keys, |key| {
        vec![
            format!("`{}`", key.path),
            key.kind.label().to_owned(),
            key.default.to_owned(),
            key.meaning.to_owned(),
        ]
    })
}

fn rows<T>(titles: &[&str], of: &[T], row: impl Fn(&T) -> Vec<String>) -> String {
    let mut table = format!(
        "| {} |\n|{}\n",
        titles.join(" | "),
        "---|".repeat(titles.len())
    );
    for item in of {
        let cells: Vec<String> = row(item).iter().map(|text| code_or_cell(text)).collect();
        writeln!(table, "| {} |", cells.join(" | ")).expect("writing to a string succeeds");
    }
    table
}

/// Escapes a cell; in code only the cell separator is escaped.
fn code_or_cell(text: &str) -> String {
    if text.starts_with('`') && text.ends_with('`') {
        text.replace('|', "\\|")
    } else {
        escape_cell(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_between_markers_is_replaced() {
        let text = "a\n<!-- generated: checks -->\n(former)\n<!-- end generated -->\nb\n";
        let once = filled(text);
        assert!(
            once.starts_with("a\n<!-- generated: checks -->\n| Check |"),
            "{once}"
        );
        assert!(once.ends_with("|\n<!-- end generated -->\nb\n"), "{once}");
        assert!(!once.contains("(former)"));
        assert_eq!(filled(&once), once);
    }

    #[test]
    fn unknown_and_unclosed_markers_are_kept() {
        for text in [
            "x <!-- generated: nothing --> y <!-- end generated -->",
            "x <!-- generated: checks --> no end",
        ] {
            assert_eq!(filled(text), text);
        }
    }

    #[test]
    fn every_table_has_rows() {
        for (name, table) in TABLES {
            assert!(table().lines().count() > 4, "{name}");
        }
    }
}
