//! Log line formats: level, message and error field.

use serde_json::Value;

use super::fields::{Fields, quoted};
use super::header::level_and_message;
use super::level::{Level, level};
use super::prefix::{is_klog, without_colours, without_prefix};

/// A parsed line.
#[derive(Debug)]
pub(in crate::classify) struct Entry {
    pub(super) level: Level,
    pub(super) message: String,
    /// The field `error` or `err`.
    pub(super) error: Option<String>,
    /// Whether the line has no known format, so that it may come from another program.
    pub(super) bare: bool,
    /// Whether a line without level may report a fault; an indented line continues the previous
    /// one.
    pub(super) may_be_a_fault: bool,
}

impl Entry {
    /// Parses a line; without a known format it is a message without level.
    pub(in crate::classify) fn parse(line: &str) -> Self {
        let indented = line.starts_with([' ', '\t']);
        let line = without_colours(line.trim());
        let (line, dated) = without_prefix(&line);
        json(line)
            .or_else(|| klog(line))
            .or_else(|| http_client(line))
            .or_else(|| logfmt(line))
            .or_else(|| headed(line, dated))
            .unwrap_or_else(|| Self::plain(line, indented))
    }

    fn new(level: Level, message: String, error: Option<String>) -> Self {
        Self {
            level,
            message,
            error,
            bare: false,
            may_be_a_fault: true,
        }
    }

    /// Parses command-line errors, panics and other unformatted lines.
    fn plain(line: &str, indented: bool) -> Self {
        const LOUD: &[&str] = &["Error: ", "panic: ", "fatal error: "];
        const STACK: &[&str] = &[
            "goroutine ",
            "created by ",
            "panic(",
            "[signal ",
            "Usage:",
            "Flags:",
            "exit status ",
            "WARNING: ",
        ];
        let level = if LOUD.iter().any(|start| line.starts_with(start)) {
            Level::Error
        } else {
            Level::Unknown
        };
        let may_be_a_fault = !indented
            && !line.starts_with('-')
            && !STACK.iter().any(|start| line.starts_with(start));
        Self {
            bare: true,
            may_be_a_fault,
            ..Self::new(level, line.to_owned(), None)
        }
    }
}

/// Parses a JSON line of slog, zap, pino, or a collector that wraps another line.
fn json(line: &str) -> Option<Entry> {
    if !line.starts_with('{') {
        return None;
    }
    let value: Value = serde_json::from_str(line).ok()?;
    let value = value.get("jsonPayload").unwrap_or(&value);
    let text = |keys: &[&str]| {
        keys.iter().find_map(|key| value.get(*key)).map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
    };
    if let Some(wrapped) = text(&["log", "textPayload"]) {
        return Some(Entry::parse(&wrapped));
    }
    let error = text(&["error", "err", "exception", "stack"]);
    let message = text(&["msg", "message", "@message", "log"]).or_else(|| error.clone())?;
    let level = text(&["level", "severity", "lvl", "log.level", "@level"]).unwrap_or_default();
    Some(Entry::new(json_level(&level), message, error))
}

/// Parses a level, by name or as pino's number.
fn json_level(name: &str) -> Level {
    match name.parse::<u32>() {
        Ok(number @ 10..=69) => match number / 10 {
            1..=3 => Level::Quiet,
            4 => Level::Warning,
            _ => Level::Error,
        },
        _ => level(name),
    }
}

/// Parses a plain line with a level in its header; fields in a JSON object at its end belong to the
/// error.
fn headed(line: &str, dated: bool) -> Option<Entry> {
    let (level, message) = level_and_message(line, dated)?;
    let error = message
        .find("{\"")
        .and_then(|at| serde_json::from_str::<Value>(&message[at..]).ok())
        .and_then(|fields| {
            ["error", "err"]
                .iter()
                .find_map(|key| fields.get(*key)?.as_str().map(str::to_owned))
        });
    let mut entry = Entry::new(level, message.to_owned(), error);
    entry.may_be_a_fault = !line.starts_with("WARNING: ");
    Some(entry)
}

/// Parses `E1122 13:04:54.148702       1 leaderelection.go:448] …`.
fn klog(line: &str) -> Option<Entry> {
    let bytes = line.as_bytes();
    let level = match bytes.first()? {
        b'I' => Level::Quiet,
        b'W' => Level::Warning,
        b'E' | b'F' => Level::Error,
        _ => return None,
    };
    if !is_klog(bytes) {
        return None;
    }
    let (head, message) = line.split_once("] ")?;
    let file = head.rsplit(' ').next().unwrap_or_default();
    let (message, error) = if message.starts_with('"') {
        let (text, rest) = quoted(message);
        (
            text,
            Fields(rest)
                .find(|(key, _)| ["err", "error", "panic"].contains(&&**key))
                .map(|(_, value)| value),
        )
    } else {
        (message.to_owned(), None)
    };
    // The file name identifies the peer.
    Some(Entry::new(level, format!("{file}] {message}"), error))
}

/// Parses `2026/11/22 13:04:54.148702 WARN RESTY …` of the HTTP client and `SDK 2026/11/22 13:03:16
/// WARN …` of the AWS SDK.
fn http_client(line: &str) -> Option<Entry> {
    let (sdk, rest) = line
        .strip_prefix("SDK ")
        .map_or((false, line), |rest| (true, rest));
    let bytes = rest.as_bytes();
    if bytes.len() < 20
        || bytes[4] != b'/'
        || bytes[7] != b'/'
        || bytes[10] != b' '
        || !bytes[..4].iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    let (_, rest) = rest.split_at_checked(11)?;
    let (_, rest) = rest.split_once(' ')?;
    let (word, message) = rest.split_once(' ').unwrap_or((rest, ""));
    Some(match level(word) {
        Level::Unknown => Entry::new(Level::Unknown, rest.to_owned(), None),
        // A failed attempt counts as an error even if the client logs it as a warning.
        Level::Warning if !sdk => Entry::new(Level::Error, message.to_owned(), None),
        level => Entry::new(level, message.to_owned(), None),
    })
}

/// Parses `time="…" level=error msg="…" error="…"`, even without the quote before the message.
fn logfmt(line: &str) -> Option<Entry> {
    let mut found = Level::Unknown;
    let mut message = None;
    let mut error = None;
    let mut fields = Fields(line);
    let mut known = false;
    for (key, value) in fields.by_ref() {
        match key.as_str() {
            "level" => {
                known = true;
                found = level(&value);
            }
            "msg" if message.is_none() => {
                known = true;
                message = Some(value);
            }
            "error" | "err" if known => error = Some(value),
            _ => {}
        }
    }
    let rest = fields.0.trim();
    if !rest.is_empty() {
        // The rest is not a field: the message continues without its quotes.
        if let Some(message) = &mut message {
            message.push(' ');
            message.push_str(rest.strip_suffix('"').unwrap_or(rest));
        }
    }
    known.then(|| Entry::new(found, message.unwrap_or_default(), error))
}
