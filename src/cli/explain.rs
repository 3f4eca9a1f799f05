//! `explain`: explains failure modes and alerts, and classifies error messages and log lines.

use std::fmt::Write as _;
use std::io;
use std::io::{BufRead, BufReader, Read, Write};

use serde_json::{Value, json};

use crate::alerting::runbooks;
use crate::catalogue::alert::ALERTS;
use crate::catalogue::{
    Alert, CheckId, ExporterAlert, FailureMode, RUNBOOK_BASE, alert, first_sentence, remedy,
    runbook_url,
};
use crate::classify::classify_line;
use crate::cli::args::{ExplainArgs, ExplainFormat};
use crate::cli::catalogue;
use crate::cli::exit::Exit;
use crate::cli::output::print;
use crate::config::did_you_mean::did_you_mean;

/// Longest part of a line that is classified; the rest is discarded.
const MAX_LINE_BYTES: usize = 1024 * 1024;

pub(super) fn run(options: &ExplainArgs) -> Exit {
    let json = options.output == ExplainFormat::Json;
    if options.subject == "-" {
        let lines = classify(
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
    } else if let Some(mode) = classified(&options.subject) {
        if json {
            pretty(&mode_json(mode))
        } else {
            mode_text(mode)
        }
    } else {
        return Exit::usage(&unknown(&options.subject));
    };
    print(&text);
    Exit::Success
}

/// Returns the failure mode of a text of several words, such as a log line.
fn classified(text: &str) -> Option<FailureMode> {
    let mode = classify_line(text)
        .mode()
        .filter(|_| text.contains(char::is_whitespace));
    mode.filter(|mode| *mode != FailureMode::Unclassified)
}

/// Writes the failure mode of each line; flushes before it waits for more input.
fn classify(mut input: BufReader<impl Read>, mut output: impl Write, json: bool) -> io::Result<()> {
    let mut line = Vec::new();
    let mut number = 0u64;
    while bounded_line(&mut input, &mut line)? {
        number += 1;
        let mode = classify_line(&String::from_utf8_lossy(&line)).mode();
        match (json, mode) {
            (true, mode) => writeln!(
                output,
                "{}",
                json!({"line": number, "mode": mode.map(FailureMode::label)})
            )?,
            (false, Some(mode)) => {
                writeln!(
                    output,
                    "{number}: {mode} — {}",
                    first_sentence(mode.entry().meaning)
                )?;
            }
            (false, None) => {}
        }
        if input.buffer().is_empty() {
            output.flush()?;
        }
    }
    output.flush()
}

/// Reads the next line, cut at [`MAX_LINE_BYTES`]; returns false at the end of the input.
fn bounded_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        line.extend_from_slice(&part[..part.len().min(MAX_LINE_BYTES - line.len())]);
        let taken = end.map_or(chunk.len(), |end| end + 1);
        input.consume(taken);
        if end.is_some() {
            break;
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(any)
}

fn mode_text(mode: FailureMode) -> String {
    let entry = mode.entry();
    let mut text = format!(
        "{mode}\n\nMeaning: {}\n\nHow to distinguish it: {}\n\nFix: {}\n",
        entry.meaning, entry.distinguishing, entry.remedy
    );
    for (check, alert, runbook) in pairs_of(mode) {
        writeln!(
            text,
            "\nCheck {check}: alert {}, runbook {runbook}",
            alert.name
        )
        .expect("writing to a string succeeds");
        let here = remedy(check, mode);
        if here != entry.remedy {
            writeln!(text, "Fix for this check: {here}").expect("writing to a string succeeds");
        }
    }
    text
}

fn mode_json(mode: FailureMode) -> Value {
    let entry = mode.entry();
    let pairs: Vec<Value> = pairs_of(mode)
        .map(|(check, alert, runbook)| {
            let remedy = remedy(check, mode);
            json!({"check": check.label(), "alert": alert.name, "runbook": runbook, "remedy": remedy})
        })
        .collect();
    json!({
        "mode": entry.label,
        "meaning": entry.meaning,
        "distinguishing": entry.distinguishing,
        "remedy": entry.remedy,
        "checks": pairs,
    })
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

/// Returns the checks that can report a mode, with the alert and runbook of each pair.
fn pairs_of(mode: FailureMode) -> impl Iterator<Item = (CheckId, &'static Alert, String)> {
    CheckId::ALL.iter().filter_map(move |check| {
        let alert = alert::root_alert(*check, mode)?;
        Some((*check, alert, runbook_url(RUNBOOK_BASE, *check, mode)?))
    })
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

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Vec<usize> {
        let mut input = BufReader::with_capacity(7, input);
        let mut line = Vec::new();
        let mut lengths = Vec::new();
        while bounded_line(&mut input, &mut line).expect("memory can be read") {
            lengths.push(line.len());
        }
        lengths
    }

    #[test]
    fn lines_end_at_lf_crlf_or_eof() {
        assert!(lines(b"").is_empty());
        assert_eq!(
            lines(b"ab\r\n\nlonger than the buffer\nlast"),
            [2, 0, 22, 4]
        );
    }

    #[test]
    fn long_line_is_truncated_and_the_next_is_complete() {
        let mut input = vec![b'x'; MAX_LINE_BYTES + 100];
        input.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(&input), [MAX_LINE_BYTES, 4]);
    }
}
