//! `explain`: explains checks, failure modes and alerts, and names the root cause of pasted text.

mod alert;
mod check;
mod mode;
mod paste;

use std::io;
use std::io::BufReader;

use crate::catalogue::alert::ALERTS;
use crate::catalogue::{CheckId, ExporterAlert, FailureMode, alert as alerts};
use crate::cli::args::explain::ExplainArgs;
use crate::cli::args::output::OutputFormat;
use crate::cli::exit::Exit;
use crate::cli::explain::alert::{
    alert_json, alert_text, exporter_alert_json, exporter_alert_text,
};
use crate::cli::explain::check::{check_json, check_text};
use crate::cli::explain::mode::{mode_json, mode_text, pretty};
use crate::cli::output::print;
use crate::config::did_you_mean::did_you_mean;

/// Explains a log; `None` if no failure is recognised in it.
pub(super) fn explain_log(text: &str) -> Option<String> {
    paste::explain_text(text, false)
}

pub(super) fn run(options: &ExplainArgs) -> Exit {
    let json = options.output == OutputFormat::Json;
    if options.subject == "-" {
        let lines = paste::explain_lines(
            BufReader::new(io::stdin().lock()),
            io::BufWriter::new(io::stdout().lock()),
            json,
        );
        return match lines {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Exit::usage(&format!("failed to read standard input: {error}"))
            }
            _ => Exit::Success,
        };
    }
    let text = if let Some(mode) = FailureMode::from_label(&options.subject) {
        if json {
            pretty(&mode_json(mode))
        } else {
            mode_text(mode)
        }
    } else if let Some(alert) = alerts::by_name(&options.subject) {
        if json {
            pretty(&alert_json(alert))
        } else {
            alert_text(alert)
        }
    } else if let Some(alert) = ExporterAlert::by_name(&options.subject) {
        if json {
            pretty(&exporter_alert_json(alert))
        } else {
            exporter_alert_text(alert)
        }
    } else if let Some(check) = CheckId::from_label(&options.subject) {
        if json {
            pretty(&check_json(check))
        } else {
            check_text(check)
        }
    } else if let Some(text) = paste::explain_text(&options.subject, json) {
        text
    } else {
        return Exit::usage(&unknown(&options.subject));
    };
    print(&text);
    Exit::Success
}

fn unknown(what: &str) -> String {
    let modes = FailureMode::ALL.iter().map(|mode| mode.label());
    let own = ExporterAlert::ALL.iter().map(|alert| alert.entry().name);
    let checks = CheckId::ALL.iter().map(|check| check.label());
    let known: Vec<&str> = modes
        .chain(checks)
        .chain(ALERTS.iter().map(|alert| alert.name))
        .chain(own)
        .collect();
    let hint = did_you_mean(what, &known).map_or_else(
        || "run `castai-health-exporter catalogue` for a list".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    format!("unknown check, failure mode or alert {what}: {hint}")
}
