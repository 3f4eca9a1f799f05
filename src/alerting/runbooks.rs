//! Runbooks: one page per alert, with one section per failure mode.

use std::fmt::Write;

use crate::alerting::file::{GeneratedFile, MARKDOWN_HEADER, RUNBOOKS};
use crate::alerting::markdown;
use crate::alerting::rules::selector::Selector;
use crate::catalogue::alert::{ALERTS, documented_as};
use crate::catalogue::relation::RELATIONS;
use crate::catalogue::situation::situations;
use crate::catalogue::{
    Alert, CheckId, Effect, ExporterAlert, FailureMode, Remedy, Scope, alert, anchor, remedy,
};

/// The command of the exporter as diagnosis steps spell it.
const CHECK_COMMAND: &str = "castai-health-exporter check";

/// Returns every page and the index.
pub fn files() -> Vec<GeneratedFile> {
    let runbook = |alert: &Alert| GeneratedFile {
        path: format!("{RUNBOOKS}/{}.md", alert.name),
        contents: alert_page(alert),
    };
    let index = GeneratedFile {
        path: format!("{RUNBOOKS}/README.md"),
        contents: index(),
    };
    let exporter = ExporterAlert::ALL.iter().map(|alert| GeneratedFile {
        path: format!("{RUNBOOKS}/{}.md", alert.entry().name),
        contents: exporter_alert_page(*alert),
    });
    ALERTS
        .iter()
        .map(runbook)
        .chain(exporter)
        .chain([index])
        .collect()
}

/// Returns the page of the alert with this name.
pub fn find(name: &str) -> Option<String> {
    alert::by_name(name)
        .map(alert_page)
        .or_else(|| ExporterAlert::by_name(name).map(exporter_alert_page))
}

/// Returns the page of an alert that belongs to no single failure mode.
pub fn exporter_alert_page(alert: ExporterAlert) -> String {
    let entry = alert.entry();
    let mut page = format!("{MARKDOWN_HEADER}\n# {}\n\n{}\n", entry.name, entry.summary);
    section(&mut page, "Meaning", &placeholders_as_code(entry.meaning));
    section(&mut page, "Impact", entry.impact);
    let commands = exporter_diagnosis_commands(alert);
    section(
        &mut page,
        "Diagnosis",
        &format!("```sh\n{}\n```", commands.join("\n")),
    );
    section(
        &mut page,
        "Mitigation",
        &markdown::remedy("Fix", &alert.remedy(), |command| {
            in_container(command, Scope::Pod)
        }),
    );
    page
}

/// Returns the commands that confirm an alert that belongs to no single failure mode.
pub fn exporter_diagnosis_commands(alert: ExporterAlert) -> Vec<String> {
    let commands = alert.entry().diagnosis.iter();
    commands
        .map(|command| in_container(command, Scope::Pod))
        .collect()
}

/// Formats `{label}` placeholders as code.
fn placeholders_as_code(text: &str) -> String {
    text.replace(['{', '}'], "`")
}

/// Returns the page of an alert.
pub fn alert_page(alert: &Alert) -> String {
    let mut page = format!("{MARKDOWN_HEADER}\n# {}\n\n{}\n", alert.name, alert.summary);
    section(&mut page, "Meaning", &meaning(alert));
    section(&mut page, "Impact", alert.impact);
    section(&mut page, "Diagnosis", &diagnosis(alert));
    section(
        &mut page,
        "Mitigation",
        "The fix depends on the failure mode, the `mode` label of the alert.",
    );
    for mode in alert.modes {
        mitigation(&mut page, alert, *mode);
    }
    page
}

/// Returns the list of all pages.
pub fn index() -> String {
    let mut index = format!("{MARKDOWN_HEADER}\n# Runbooks\n\n| Alert | Summary |\n|---|---|\n");
    for alert in ALERTS {
        line(
            &mut index,
            &format!("| [{0}]({0}.md) | {1} |", alert.name, alert.summary),
        );
    }
    for alert in ExporterAlert::ALL.iter().map(|alert| alert.entry()) {
        line(
            &mut index,
            &format!("| [{0}]({0}.md) | {1} |", alert.name, alert.summary),
        );
    }
    index
}

fn meaning(alert: &Alert) -> String {
    let mut text = format!(
        "The `{}` check is failing. It answers the question: {}\n\nThe `mode` label of the alert names the cause:\n\n",
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
    let affected: Vec<_> = affected_by(alert)
        .iter()
        .map(|check| format!("`{check}`"))
        .collect();
    if !affected.is_empty() {
        let effect = "While this failure holds, these checks may fail as a consequence, which notifies no one:";
        line(&mut text, &format!("\n{effect} {}.", affected.join(", ")));
    }
    text.trim_end().to_owned()
}

/// Returns the checks that this alert's failures explain.
pub fn affected_by(alert: &Alert) -> Vec<CheckId> {
    let mut affected: Vec<_> = RELATIONS
        .iter()
        .filter(|relation| {
            relation.cause == alert.check
                && !matches!(relation.effect, Effect::Blocks)
                && relation.modes.iter().any(|mode| alert.modes.contains(mode))
        })
        .map(|relation| relation.affected)
        .collect();
    affected.sort_unstable();
    affected.dedup();
    affected
}

fn diagnosis(alert: &Alert) -> String {
    format!(
        "The exporter logs the evidence of the last attempt (`check={}`) and serves it at `/api/v1/status`.\n\
         Re-run the check, then confirm independently:\n\n```sh\n{}\n```",
        alert.check,
        diagnosis_commands(alert).join("\n")
    )
}

/// Returns the commands that confirm an alert about failures.
pub fn diagnosis_commands(alert: &Alert) -> Vec<String> {
    let check = alert.check;
    let look = format!("{CHECK_COMMAND} {check}");
    std::iter::once(look.as_str())
        .chain(alert.diagnosis.iter().copied())
        .map(|command| in_container(command, check.entry().scope))
        .collect()
}

/// Wraps a command of the exporter in the `kubectl exec` that runs it in its containers.
fn in_container(command: &str, scope: Scope) -> String {
    match command.strip_prefix(CHECK_COMMAND) {
        // The agent's pod may be the one that is missing.
        Some(rest) if scope == Scope::Cluster => {
            format!("kubectl -n castai-agent exec deploy/castai-health-exporter -- /{CHECK_COMMAND} --vantage=companion{rest}")
        }
        Some(rest) => format!(
            "kubectl -n castai-agent exec deploy/castai-health-exporter -- /{CHECK_COMMAND} --vantage=companion{rest}\n\
             kubectl -n castai-agent exec deploy/castai-agent -c castai-health-exporter -- /{CHECK_COMMAND}{rest}"
        ),
        // Logs are piped from the operator's machine into the companion.
        None => command.replace(
            "| castai-health-exporter",
            "| kubectl -n castai-agent exec -i deploy/castai-health-exporter -- /castai-health-exporter",
        ),
    }
}

fn mitigation(page: &mut String, alert: &Alert, mode: FailureMode) {
    let entry = mode.entry();
    // A failure that is documented under its usual cause can be linked by its mode too.
    let covered = Selector::new(alert).modes.into_iter().filter(|other| {
        CheckId::ALL
            .iter()
            .any(|check| documented_as(*check, *other) == (alert.check, mode))
    });
    let anchors: Vec<String> = covered
        .map(|mode| format!("<a id=\"{}\"></a>", anchor(alert.check, mode)))
        .collect();
    let anchors = anchors.join("\n");
    line(
        page,
        &format!("\n{anchors}\n\n### {}: `{mode}`\n", alert.check),
    );
    line(
        page,
        &format!(
            "{}\n\n**How to distinguish it:** {}\n\n{}",
            entry.meaning,
            entry.distinguishing,
            fix("Fix", alert.check, &remedy(alert.check, mode))
        ),
    );
    for row in situations(alert.check, mode) {
        let title = format!("Fix if {}", row.situation.condition());
        line(
            page,
            &format!("\n{}", fix(&title, alert.check, &row.remedy())),
        );
    }
}

fn fix(title: &str, check: CheckId, remedy: &Remedy) -> String {
    markdown::remedy(title, remedy, |command| {
        in_container(command, check.entry().scope)
    })
}

fn section(page: &mut String, title: &str, text: &str) {
    line(page, &format!("\n## {title}\n\n{text}"));
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string succeeds");
}
