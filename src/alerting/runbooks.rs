//! The runbooks: one page per alert, a section per (check, mode).

use std::fmt::Write;

use crate::alerting::file::{GeneratedFile, MARKDOWN_HEADER, RUNBOOKS};
use crate::catalogue::alert::ALERTS;
use crate::catalogue::relations::{CONSEQUENCES, Consequence};
use crate::catalogue::{Alert, FailureMode, OwnAlert, Scope, alert, anchor, remedy};

/// How a diagnosis names our own command.
const CHECK: &str = "castai-health-exporter check";

/// Every page, and the index.
pub fn files() -> Vec<GeneratedFile> {
    let page = |alert: &Alert| GeneratedFile {
        path: format!("{RUNBOOKS}/{}.md", alert.name),
        contents: page(alert),
    };
    let index = GeneratedFile {
        path: format!("{RUNBOOKS}/README.md"),
        contents: index(),
    };
    let own = OwnAlert::ALL.iter().map(|alert| GeneratedFile {
        path: format!("{RUNBOOKS}/{}.md", alert.entry().name),
        contents: own_page(*alert),
    });
    ALERTS.iter().map(page).chain(own).chain([index]).collect()
}

/// The page of the alert with this name.
pub fn named(name: &str) -> Option<String> {
    alert::named(name)
        .map(page)
        .or_else(|| OwnAlert::named(name).map(own_page))
}

/// The page of an alert that belongs to no single failure mode.
pub fn own_page(alert: OwnAlert) -> String {
    let entry = alert.entry();
    let mut page = format!("{MARKDOWN_HEADER}\n# {}\n\n{}\n", entry.name, entry.summary);
    section(&mut page, "Meaning", &in_words(entry.meaning));
    section(&mut page, "Impact", entry.impact);
    let commands: Vec<_> = entry
        .diagnosis
        .iter()
        .map(|command| pasteable(command, Scope::Pod))
        .collect();
    section(
        &mut page,
        "Diagnosis",
        &format!("```sh\n{}\n```", commands.join("\n")),
    );
    section(&mut page, "Mitigation", entry.remedy);
    page
}

/// A text whose `{label}` stand for the label of that name.
fn in_words(text: &str) -> String {
    text.replace(['{', '}'], "`")
}

/// The page of one alert.
pub fn page(alert: &Alert) -> String {
    let mut page = format!("{MARKDOWN_HEADER}\n# {}\n\n{}\n", alert.name, alert.summary);
    section(&mut page, "Meaning", &meaning(alert));
    section(&mut page, "Impact", alert.impact);
    section(&mut page, "Diagnosis", &diagnosis(alert));
    section(
        &mut page,
        "Mitigation",
        "What mends it depends on the failure mode, the label `mode` of the alert.",
    );
    for mode in alert.modes {
        mitigation(&mut page, alert, *mode);
    }
    page
}

fn index() -> String {
    let mut index = format!("{MARKDOWN_HEADER}\n# Runbooks\n\n| alert | tells |\n|---|---|\n");
    for alert in ALERTS {
        line(
            &mut index,
            &format!("| [{0}]({0}.md) | {1} |", alert.name, alert.summary),
        );
    }
    for alert in OwnAlert::ALL.iter().map(|alert| alert.entry()) {
        line(
            &mut index,
            &format!("| [{0}]({0}.md) | {1} |", alert.name, alert.summary),
        );
    }
    index
}

fn meaning(alert: &Alert) -> String {
    let mut text = format!(
        "The check `{}` is failing. It asks: {}\n\nThe label `mode` says why:\n\n",
        alert.check,
        alert.check.entry().question
    );
    for mode in alert.modes {
        line(
            &mut text,
            &format!(
                "* [`{mode}`](#{}): {}",
                anchor(alert.check, *mode),
                mode.entry().meaning
            ),
        );
    }
    let follows = |row: &&Consequence| {
        let roots = row.root.as_slice();
        let roots = if roots.is_empty() { row.modes } else { roots };
        row.of == alert.check && roots.iter().any(|mode| alert.modes.contains(mode))
    };
    let (other, also): (Vec<_>, Vec<_>) = CONSEQUENCES
        .iter()
        .filter(follows)
        .partition(|row| row.root.is_some());
    for row in other {
        for (mode, root) in row.modes.iter().zip(row.root) {
            line(
                &mut text,
                &format!(
                    "\n`{mode}` in `{}` only follows from `{root}` and has no alert of its own.",
                    row.check
                ),
            );
        }
    }
    if !also.is_empty() {
        let also = also
            .iter()
            .map(|row| format!("`{}`", row.check))
            .collect::<Vec<_>>()
            .join(" and ");
        line(
            &mut text,
            &format!(
                "\nThe same modes in {also} only follow from this one and have no alert of their own."
            ),
        );
    }
    text.trim_end().to_owned()
}

fn diagnosis(alert: &Alert) -> String {
    let check = alert.check;
    let look = format!("{CHECK} {check}");
    let commands = std::iter::once(look.as_str()).chain(alert.diagnosis.iter().copied());
    format!(
        "The evidence of the last attempt stands in the exporter's log (`check={check}`) and at `/api/v1/status`.\n\
         Look anew, and then from another side:\n\n```sh\n{}\n```",
        commands
            .map(|command| pasteable(command, check.entry().scope))
            .collect::<Vec<_>>()
            .join("\n")
    )
}

/// Our own command, as it is run in the containers that the chart and the component make.
fn pasteable(command: &str, scope: Scope) -> String {
    match command.strip_prefix(CHECK) {
        // The agent's own pod may be what is missing.
        Some(rest) if scope == Scope::Cluster => {
            format!("kubectl -n castai-agent exec deploy/castai-health-exporter -- /{CHECK} --vantage=companion{rest}")
        }
        Some(rest) => format!(
            "kubectl -n castai-agent exec deploy/castai-health-exporter -- /{CHECK} --vantage=companion{rest}\n\
             kubectl -n castai-agent exec deploy/castai-agent -c castai-health-exporter -- /{CHECK}{rest}"
        ),
        // Logs are read where they are, and explained in the companion.
        None => command.replace(
            "| castai-health-exporter",
            "| kubectl -n castai-agent exec -i deploy/castai-health-exporter -- /castai-health-exporter",
        ),
    }
}

fn mitigation(page: &mut String, alert: &Alert, mode: FailureMode) {
    let entry = mode.entry();
    let anchor = anchor(alert.check, mode);
    line(
        page,
        &format!(
            "\n<a id=\"{anchor}\"></a>\n\n### {}: `{mode}`\n",
            alert.check
        ),
    );
    line(
        page,
        &format!(
            "{}\n\n{}\n\n**What mends it:** {}",
            entry.meaning,
            entry.distinguishing,
            remedy(alert.check, mode)
        ),
    );
}

fn section(page: &mut String, title: &str, text: &str) {
    line(page, &format!("\n## {title}\n\n{text}"));
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes everything");
}
