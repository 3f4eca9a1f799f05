//! The explanation of a check, as text and as JSON.

use std::fmt;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::catalogue::alert::{ALERTS, covering, modes_of};
use crate::catalogue::relation::{blocking, explaining};
use crate::catalogue::{CheckId, FailureMode, Phase, Scope, first_sentence};
use crate::cli::args::PROGRAM;
use crate::cli::catalogue::check_json as catalogue_json;
use crate::cli::prose::{command_line, paragraph};

/// Returns the explanation of a check.
pub(super) fn check_text(check: CheckId) -> String {
    let mut text = String::new();
    write_check(&mut text, check).expect("writing to a string succeeds");
    text
}

fn write_check(text: &mut String, check: CheckId) -> fmt::Result {
    let entry = check.entry();
    writeln!(text, "{check}\n")?;
    paragraph(text, "", &format!("Question: {}", entry.question))?;
    writeln!(text)?;
    paragraph(text, "", &format!("What it probes: {}", probes(check)))?;
    let causes = causes_of(check);
    if !causes.is_empty() {
        let causes = format!("Failures of these checks can explain or block it: {causes}.");
        paragraph(text, "", &causes)?;
    }
    writeln!(text, "\nFailure modes, with their alerts:")?;
    for mode in modes_of(check) {
        let alert = covering(check, mode).map_or("none", |alert| alert.name);
        writeln!(text, "  {mode} ({alert})")?;
        paragraph(text, "    ", first_sentence(mode.entry().meaning))?;
    }
    writeln!(text, "\nRun it once:")?;
    command_line(text, "", &format!("{PROGRAM} check {check}"))?;
    writeln!(text, "Read the fix of a failure mode:")?;
    let mode = modes_of(check).next();
    let mode = mode.map_or("MODE", FailureMode::label);
    command_line(text, "", &format!("{PROGRAM} explain {mode}"))
}

/// Describes phases, scope and schedule of a check.
fn probes(check: CheckId) -> String {
    let entry = check.entry();
    let scope = match entry.scope {
        Scope::Pod => "the pod, so sidecar and companion may differ",
        Scope::Cluster => "the whole cluster",
    };
    let phases: Vec<&str> = entry
        .phases
        .iter()
        .map(|phase| Phase::label(*phase))
        .collect();
    let phases = if phases.is_empty() {
        "It reads what is known and opens no connection.".to_owned()
    } else {
        format!(
            "Each attempt goes through these phases: {}.",
            phases.join(", ")
        )
    };
    format!(
        "{phases} The result applies to {scope}. The check runs every {} s.",
        entry.interval.as_secs()
    )
}

/// Returns the checks that explain or block this one when they fail.
fn causes_of(check: CheckId) -> String {
    let explained = modes_of(check).flat_map(|mode| explaining(check, mode));
    let mut causes: Vec<CheckId> = explained
        .chain(blocking(check))
        .map(|relation| relation.cause)
        .collect();
    causes.sort_unstable();
    causes.dedup();
    let labels: Vec<&str> = causes.into_iter().map(CheckId::label).collect();
    labels.join(", ")
}

/// Returns the explanation of a check as JSON.
pub(super) fn check_json(check: CheckId) -> Value {
    let alerts = ALERTS.iter().filter(|alert| alert.check == check);
    let mut json = catalogue_json(check);
    json["alerts"] = json!(alerts.map(|alert| alert.name).collect::<Vec<_>>());
    json
}
