//! `explain`: explains failure modes and alerts, and names the root cause of pasted text.

mod mode;
mod paste;

use std::io;
use std::io::BufReader;

use serde_json::{Value, json};

use crate::alerting::runbooks;
use crate::catalogue::alert::ALERTS;
use crate::catalogue::{Alert, ExporterAlert, FailureMode, alert};
use crate::cli::args::{ExplainArgs, ExplainFormat};
use crate::cli::catalogue;
use crate::cli::exit::Exit;
use crate::cli::explain::mode::{mode_json, mode_text, pretty};
use crate::cli::output::print;
use crate::config::did_you_mean::did_you_mean;

pub(super) fn run(options: &ExplainArgs) -> Exit {
    let json = options.output == ExplainFormat::Json;
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
    } else if let Some(alert) = alert::by_name(&options.subject) {
        if json {
            pretty(&alert_json(alert))
        } else {
            runbooks::alert_page(alert)
        }
    } else if let Some(alert) = ExporterAlert::by_name(&options.subject) {
        if json {
            pretty(&exporter_alert_json(alert))
        } else {
            runbooks::exporter_alert_page(alert)
        }
    } else if let Some(text) = paste::explain_text(&options.subject, json) {
        text
    } else {
        return Exit::usage(&unknown(&options.subject));
    };
    print(&text);
    Exit::Success
}

fn alert_json(alert: &Alert) -> Value {
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

fn exporter_alert_json(alert: ExporterAlert) -> Value {
    let mut json = catalogue::exporter_alert_json(alert);
    json["runbook"] = runbooks::exporter_alert_page(alert).into();
    json
}

fn unknown(what: &str) -> String {
    let modes = FailureMode::ALL.iter().map(|mode| mode.label());
    let own = ExporterAlert::ALL.iter().map(|alert| alert.entry().name);
    let known: Vec<&str> = modes
        .chain(ALERTS.iter().map(|alert| alert.name))
        .chain(own)
        .collect();
    let hint = did_you_mean(what, &known).map_or_else(
        || "run `castai-health-exporter catalogue` for a list".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    format!("unknown failure mode or alert {what}: {hint}")
}
