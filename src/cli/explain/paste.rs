//! Pasted text: classifies each line, and names the root cause of the whole.

use std::fmt::Write as _;
use std::io;
use std::io::{BufRead, BufReader, Read, Write};

use serde_json::{Value, json};

use crate::catalogue::{FailureMode, first_sentence};
use crate::classify::{Paste, PasteFinding, PasteSummary, Record, classify_line};
use crate::cli::explain::mode::{mode_details, mode_json, pretty};
use crate::redaction::scrubbed;
use crate::report::evidence::single_line;

/// Longest part of a line that is classified; the rest is discarded.
const MAX_LINE_BYTES: usize = 1024 * 1024;
/// Longest part of a record that is printed as evidence.
const MAX_EVIDENCE_CHARS: usize = 400;

/// Explains the lines of a paste.
///
/// As JSON, writes one object for each line as it arrives, and a summary at the end; flushes
/// before it waits for more input.
pub(super) fn explain_lines(
    mut input: BufReader<impl Read>,
    mut output: impl Write,
    json: bool,
) -> io::Result<()> {
    let mut line = Vec::new();
    let mut number = 0u64;
    let mut paste = Paste::default();
    while bounded_line(&mut input, &mut line)? {
        number += 1;
        let text = String::from_utf8_lossy(&line);
        if json {
            let mode = classify_line(&text).mode().map(FailureMode::label);
            writeln!(output, "{}", json!({"line": number, "mode": mode}))?;
            if input.buffer().is_empty() {
                output.flush()?;
            }
        }
        paste.push(&text);
    }
    let summary = paste.finish();
    if json {
        writeln!(output, "{}", json!({"summary": summary_json(&summary)}))?;
    } else {
        output.write_all(summary_text(&summary).as_bytes())?;
    }
    output.flush()
}

/// Explains a text of several words, such as a log line; `None` if no failure is recognised.
pub(super) fn explain_text(text: &str, json: bool) -> Option<String> {
    if !text.trim().contains(char::is_whitespace) {
        return None;
    }
    let mut paste = Paste::default();
    for line in text.lines() {
        paste.push(line);
    }
    let summary = paste.finish();
    let root = summary.root()?;
    Some(if json {
        let mut object = mode_json(root.mode);
        object["summary"] = summary_json(&summary);
        pretty(&object)
    } else {
        summary_text(&summary)
    })
}

fn summary_text(summary: &PasteSummary) -> String {
    let mut text = String::new();
    match summary.root() {
        None => text.push_str("No failure recognised.\n"),
        Some(root) => {
            text.push_str(root.mode.label());
            text.push('\n');
            evidence(&mut text, root, "  ");
            text.push('\n');
            text.push_str(&mode_details(root.mode));
        }
    }
    if let Some((_, others)) = summary
        .findings
        .split_first()
        .filter(|(_, o)| !o.is_empty())
    {
        text.push_str("\nAlso found:\n");
        for finding in others {
            let meaning = first_sentence(finding.mode.entry().meaning);
            writeln!(text, "  {} — {meaning}", finding.mode).expect("writing to a string succeeds");
            evidence(&mut text, finding, "    ");
        }
    }
    writeln!(
        text,
        "\nOther lines: {} harmless, {} with a fault that is not recognised.",
        summary.harmless, summary.unknown
    )
    .expect("writing to a string succeeds");
    text
}

/// Appends the records that show a failure.
fn evidence(text: &mut String, finding: &PasteFinding, indent: &str) {
    for record in &finding.evidence {
        let quoted: String = single_line(scrubbed(&record.text).trim())
            .chars()
            .take(MAX_EVIDENCE_CHARS)
            .collect();
        writeln!(text, "{indent}{}: {quoted}", lines(record))
            .expect("writing to a string succeeds");
    }
    let more = finding.count - finding.evidence.len();
    if more > 0 {
        writeln!(text, "{indent}and {more} more").expect("writing to a string succeeds");
    }
}

fn lines(record: &Record) -> String {
    if record.first_line == record.last_line {
        format!("line {}", record.first_line)
    } else {
        format!("lines {}–{}", record.first_line, record.last_line)
    }
}

fn summary_json(summary: &PasteSummary) -> Value {
    let finding = |finding: &PasteFinding| {
        let records: Vec<Value> = finding
            .evidence
            .iter()
            .map(|record| json!({"first": record.first_line, "last": record.last_line}))
            .collect();
        json!({"mode": finding.mode.label(), "count": finding.count, "lines": records})
    };
    let others: Vec<Value> = summary.findings.iter().skip(1).map(finding).collect();
    json!({
        "root_cause": summary.root().map(finding),
        "other": others,
        "harmless_lines": summary.harmless,
        "unrecognised_lines": summary.unknown,
    })
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
        let end = memchr::memchr(b'\n', chunk);
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
