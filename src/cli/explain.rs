//! `explain`: what a failure mode or an alert means, and which mode a text or a line of a log names.

use std::fmt::Write as _;
use std::io;
use std::io::{BufRead, BufReader, Read, Write};

use serde_json::{Value, json};

use crate::alerting::runbooks;
use crate::catalogue::alert::ALERTS;
use crate::catalogue::{
    Alert, CheckId, FailureMode, OwnAlert, RUNBOOK_BASE, alert, first_sentence, remedy, runbook_url,
};
use crate::classify::classify_line;
use crate::cli::args::Plain;
use crate::cli::output::print;
use crate::cli::{Exit, args, catalogue, usage};
use crate::config::nearest::nearest;

/// So much of a line is looked at; the rest is read and thrown away.
const MAX_LINE: usize = 1024 * 1024;

pub(super) fn run(options: &args::Explain) -> Exit {
    let json = options.output == Plain::Json;
    if options.what == "-" {
        let lines = classify(
            BufReader::new(io::stdin().lock()),
            io::BufWriter::new(io::stdout().lock()),
            json,
        );
        return match lines {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                usage(&format!("standard input: {error}"))
            }
            _ => Exit::Fine,
        };
    }
    let text = if let Some(mode) = FailureMode::from_label(&options.what) {
        if json {
            pretty(&mode_json(mode))
        } else {
            mode_text(mode)
        }
    } else if let Some(alert) = alert::named(&options.what) {
        if json {
            pretty(&alert_json(alert))
        } else {
            runbooks::page(alert)
        }
    } else if let Some(alert) = OwnAlert::named(&options.what) {
        if json {
            pretty(&own_alert_json(alert))
        } else {
            runbooks::own_page(alert)
        }
    } else if let Some(mode) = said(&options.what) {
        if json {
            pretty(&mode_json(mode))
        } else {
            mode_text(mode)
        }
    } else {
        return usage(&unknown(&options.what));
    };
    print(&text);
    Exit::Fine
}

/// The mode that a text of several words names, such as the console's or one out of a log.
fn said(text: &str) -> Option<FailureMode> {
    let mode = classify_line(text)
        .mode()
        .filter(|_| text.contains(char::is_whitespace));
    mode.filter(|mode| *mode != FailureMode::Unclassified)
}

/// Reads line by line and names the mode of each; what is answered is written before more is waited for.
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

/// The next line without its end, cut at [`MAX_LINE`]; false at the end of the input.
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
        line.extend_from_slice(&part[..part.len().min(MAX_LINE - line.len())]);
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
        "{mode}\n\nMeaning: {}\n\nTold apart: {}\n\nRemedy: {}\n",
        entry.meaning, entry.distinguishing, entry.remedy
    );
    for (check, alert, runbook) in told_by(mode) {
        writeln!(text, "\nIn check {check}: alert {}, {runbook}", alert.name)
            .expect("a string takes everything");
        let here = remedy(check, mode);
        if here != entry.remedy {
            writeln!(text, "Remedy there: {here}").expect("a string takes everything");
        }
    }
    text
}

fn mode_json(mode: FailureMode) -> Value {
    let entry = mode.entry();
    let pairs: Vec<Value> = told_by(mode)
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
        "runbook": runbooks::page(alert),
    })
}

fn own_alert_json(alert: OwnAlert) -> Value {
    let mut json = catalogue::own_alert_json(alert);
    json["runbook"] = runbooks::own_page(alert).into();
    json
}

/// The checks that can show a mode, with the alert and the runbook that explain it there.
fn told_by(mode: FailureMode) -> impl Iterator<Item = (CheckId, &'static Alert, String)> {
    CheckId::ALL.iter().filter_map(move |check| {
        let alert = alert::explaining(*check, mode)?;
        Some((*check, alert, runbook_url(RUNBOOK_BASE, *check, mode)?))
    })
}

fn unknown(what: &str) -> String {
    let modes = FailureMode::ALL.iter().map(|mode| mode.label());
    let own = OwnAlert::ALL.iter().map(|alert| alert.entry().name);
    let known: Vec<&str> = modes
        .chain(ALERTS.iter().map(|alert| alert.name))
        .chain(own)
        .collect();
    let hint = nearest(what, &known).map_or_else(
        || "`castai-health-exporter catalogue` lists them".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    format!("no failure mode or alert is called {what}; {hint}")
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
    fn a_line_ends_at_a_line_feed_or_at_the_end() {
        assert!(lines(b"").is_empty());
        assert_eq!(
            lines(b"ab\r\n\nlonger than the buffer\nlast"),
            [2, 0, 22, 4]
        );
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_one_is_whole() {
        let mut input = vec![b'x'; MAX_LINE + 100];
        input.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(&input), [MAX_LINE, 4]);
    }
}
