//! The explanation of an alert, as text and as JSON.

use std::fmt;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::alerting::runbooks;
use crate::catalogue::situation::situations;
use crate::catalogue::{Alert, ExporterAlert, FailureMode, remedy};
use crate::cli::prose::{command_line, paragraph};
use crate::cli::{catalogue, prose};

/// Returns the explanation of an alert about failures.
pub(super) fn alert_text(alert: &Alert) -> String {
    let mut text = String::new();
    write_alert(&mut text, alert).expect("writing to a string succeeds");
    text
}

/// Returns the explanation of an alert that belongs to no single failure mode.
pub(super) fn exporter_alert_text(alert: ExporterAlert) -> String {
    let mut text = String::new();
    write_exporter_alert(&mut text, alert).expect("writing to a string succeeds");
    text
}

fn write_alert(text: &mut String, alert: &Alert) -> fmt::Result {
    let check = alert.check;
    heading(text, alert.name, alert.summary)?;
    let meaning = format!(
        "Meaning: The check {check} is failing. It answers the question: {} The label mode of the \
         alert names the cause.",
        check.entry().question
    );
    paragraph(text, "", &meaning)?;
    let affected = runbooks::affected_by(alert);
    if !affected.is_empty() {
        let affected: Vec<_> = affected.iter().map(|check| check.label()).collect();
        let consequence = format!(
            "While it lasts, these checks may fail as a consequence, which notifies no one: {}.",
            affected.join(", ")
        );
        paragraph(text, "", &consequence)?;
    }
    writeln!(text)?;
    paragraph(text, "", &format!("Impact: {}", alert.impact))?;
    diagnosis(text, &runbooks::diagnosis_commands(alert))?;
    for mode in alert.modes {
        mitigation(text, alert, *mode)?;
    }
    Ok(())
}

fn write_exporter_alert(text: &mut String, alert: ExporterAlert) -> fmt::Result {
    let entry = alert.entry();
    heading(text, entry.name, entry.summary)?;
    let meaning = entry.meaning.replace(['{', '}'], "`");
    paragraph(text, "", &format!("Meaning: {meaning}"))?;
    writeln!(text)?;
    paragraph(text, "", &format!("Impact: {}", entry.impact))?;
    diagnosis(text, &runbooks::exporter_diagnosis_commands(alert))?;
    writeln!(text)?;
    prose::remedy(text, "", "Fix", &alert.remedy())
}

fn heading(text: &mut String, name: &str, summary: &str) -> fmt::Result {
    writeln!(text, "{name}\n")?;
    paragraph(text, "", summary)?;
    writeln!(text)
}

fn diagnosis(text: &mut String, commands: &[String]) -> fmt::Result {
    writeln!(
        text,
        "\nDiagnosis: repeat the check, then confirm independently:"
    )?;
    let mut lines = commands.iter().flat_map(|command| command.lines());
    lines.try_for_each(|line| command_line(text, "", line))
}

fn mitigation(text: &mut String, alert: &Alert, mode: FailureMode) -> fmt::Result {
    let (check, entry) = (alert.check, mode.entry());
    writeln!(text, "\nMode {mode}")?;
    paragraph(text, "", entry.meaning)?;
    paragraph(
        text,
        "",
        &format!("How to distinguish it: {}", entry.distinguishing),
    )?;
    prose::remedy(text, "", "Fix", &remedy(check, mode))?;
    for row in situations(check, mode) {
        let title = format!("Fix if {}", row.situation.condition());
        prose::remedy(text, "", &title, &row.remedy())?;
    }
    Ok(())
}

/// Returns the explanation of an alert about failures as JSON.
pub(super) fn alert_json(alert: &Alert) -> Value {
    let modes: Vec<&str> = alert.modes.iter().map(|mode| mode.label()).collect();
    json!({
        "alert": alert.name,
        "check": alert.check.label(),
        "modes": modes,
        "summary": alert.summary,
        "impact": alert.impact,
        "diagnosis": alert.diagnosis,
        "runbook": runbooks::alert_page(alert),
    })
}

/// Returns the explanation of an alert that belongs to no single failure mode as JSON.
pub(super) fn exporter_alert_json(alert: ExporterAlert) -> Value {
    let mut json = catalogue::exporter_alert_json(alert);
    json["runbook"] = runbooks::exporter_alert_page(alert).into();
    json
}
