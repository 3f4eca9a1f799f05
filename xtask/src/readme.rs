//! The tables of README.md, between `<!-- generated: NAME -->` and `<!-- end generated -->`.

use std::fmt::Write;

use castai_health_exporter::alerting::file::GeneratedFile;
use castai_health_exporter::catalogue::CheckId;
use castai_health_exporter::catalogue::alert::modes_of;
use castai_health_exporter::catalogue::metric::METRICS;
use castai_health_exporter::config::exporter::keys::KEYS;

use crate::markdown::escape_cell;

/// Path in the repository.
pub(crate) const PATH: &str = "README.md";

const BEGIN: &str = "<!-- generated: ";
const BEGIN_ENDS: &str = " -->";
const END: &str = "<!-- end generated -->";

/// Returns README.md with its tables updated.
pub(crate) fn file(readme: &str) -> GeneratedFile {
    GeneratedFile {
        path: PATH.to_owned(),
        contents: filled(readme),
    }
}

/// Fills in the tables; a marker with an unknown name or without an end is left as it is.
fn filled(readme: &str) -> String {
    let mut filled = String::new();
    let mut rest = readme;
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
pub(crate) const TABLES: [(&str, Render); 3] = [
    ("checks", checks),
    ("metrics", metrics),
    ("configuration", configuration),
];

fn table(name: &str) -> Option<String> {
    let (_, table) = TABLES.iter().find(|(known, _)| *known == name)?;
    Some(table())
}

fn checks() -> String {
    rows(
        &["Check", "Question", "Interval", "Failure modes"],
        CheckId::ALL,
        |check| {
            let entry = check.entry();
            let mut modes: Vec<String> = Vec::new();
            for mode in modes_of(*check).map(|mode| format!("`{mode}`")) {
                if !modes.contains(&mode) {
                    modes.push(mode);
                }
            }
            vec![
                format!("`{check}`"),
                entry.question.to_owned(),
                format!("{} s", entry.interval.as_secs()),
                modes.join(" "),
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
    rows(&["Key", "Value", "Default", "Meaning"], KEYS, |key| {
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
