//! The explanation of a failure mode, as text and as JSON.

use std::fmt;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::catalogue::situation::situations;
use crate::catalogue::{Alert, CheckId, FailureMode, RUNBOOK_BASE, alert, remedy, runbook_url};
use crate::cli::prose;
use crate::cli::prose::paragraph;

/// Returns the explanation of a failure mode.
pub(super) fn mode_text(mode: FailureMode) -> String {
    format!("{mode}\n\n{}", mode_details(mode))
}

/// Returns meaning, remedy and checks of a failure mode.
pub(super) fn mode_details(mode: FailureMode) -> String {
    let mut text = String::new();
    write_details(&mut text, mode).expect("writing to a string succeeds");
    text
}

fn write_details(text: &mut String, mode: FailureMode) -> fmt::Result {
    let entry = mode.entry();
    let general = mode.remedy();
    paragraph(text, "", &format!("Meaning: {}", entry.meaning))?;
    writeln!(text)?;
    let distinguishing = format!("How to distinguish it: {}", entry.distinguishing);
    paragraph(text, "", &distinguishing)?;
    writeln!(text)?;
    prose::remedy(text, "", "Fix", &general)?;
    for (check, alert, runbook) in pairs_of(mode) {
        let runbook = runbook.map_or_else(String::new, |runbook| format!(", runbook {runbook}"));
        writeln!(text, "\nCheck {check}: alert {}{runbook}", alert.name)?;
        let here = remedy(check, mode);
        if here != general {
            prose::remedy(text, "", "Fix for this check", &here)?;
        }
        for row in situations(check, mode) {
            let title = format!("Fix if {}", row.situation.condition());
            prose::remedy(text, "", &title, &row.remedy())?;
        }
    }
    Ok(())
}

/// Returns the explanation of a failure mode as JSON.
pub(super) fn mode_json(mode: FailureMode) -> Value {
    let entry = mode.entry();
    let pairs: Vec<Value> = pairs_of(mode)
        .map(|(check, alert, runbook)| {
            let remedy = remedy(check, mode);
            json!({"check": check.label(), "alert": alert.name, "runbook": runbook, "remedy": remedy.as_str()})
        })
        .collect();
    json!({
        "mode": entry.label,
        "meaning": entry.meaning,
        "distinguishing": entry.distinguishing,
        "remedy": mode.remedy().as_str(),
        "checks": pairs,
    })
}

/// Returns the checks that can report a mode, with the alert and published runbook of each pair.
fn pairs_of(mode: FailureMode) -> impl Iterator<Item = (CheckId, &'static Alert, Option<String>)> {
    CheckId::ALL.iter().filter_map(move |check| {
        let alert = alert::covering(*check, mode)?;
        Some((*check, alert, runbook_url(RUNBOOK_BASE, *check, mode)))
    })
}

/// Formats a JSON value for people.
pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
