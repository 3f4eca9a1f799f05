//! The formats of log lines: which level, which message, which error beside it.

use serde_json::Value;

/// How loud a line is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::classify) enum Level {
    /// Info and below.
    Quiet,
    /// A warning.
    Warning,
    /// Error and above.
    Error,
    /// The format has no level.
    Unknown,
}

/// A line taken apart.
#[derive(Debug)]
pub(in crate::classify) struct Entry {
    pub(super) level: Level,
    pub(super) message: String,
    /// The field `error` or `err`.
    pub(super) error: Option<String>,
    /// Whether the line has no known format, so that it may come from elsewhere.
    pub(super) bare: bool,
    /// Whether a line without level may be about a fault at all; what is indented belongs to the line before it.
    pub(super) may_be_a_fault: bool,
}

impl Entry {
    /// Takes a line apart; what has no known format is a message without level.
    pub(in crate::classify) fn parse(line: &str) -> Self {
        let indented = line.starts_with([' ', '\t']);
        let line = without_prefix(line.trim());
        json(line)
            .or_else(|| klog(line))
            .or_else(|| dated(line))
            .or_else(|| logfmt(line))
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

    /// Command-line errors, panics and everything else that stands there as it is.
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

/// The line without what `kubectl logs --prefix --timestamps` and container runtimes put before it.
fn without_prefix(line: &str) -> &str {
    let mut line = line;
    if line.starts_with("[pod/") {
        line = line.split_once("] ").map_or(line, |(_, rest)| rest);
    }
    if let Some((first, rest)) = line.split_once(' ')
        && is_rfc3339(first)
    {
        line = rest;
        for stream in ["stderr F ", "stdout F ", "stderr P ", "stdout P "] {
            line = line.strip_prefix(stream).unwrap_or(line);
        }
    }
    line.trim_start()
}

fn is_rfc3339(word: &str) -> bool {
    let bytes = word.as_bytes();
    (20..=40).contains(&bytes.len())
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10] == b'T'
        && bytes[..4].iter().all(u8::is_ascii_digit)
}

fn level(name: &str) -> Level {
    let name = name.to_ascii_lowercase();
    let is = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    if is(&["err", "fatal", "panic", "crit", "dpanic"]) {
        Level::Error
    } else if is(&["warn"]) {
        Level::Warning
    } else if is(&["info", "debug", "trace", "notice"]) {
        Level::Quiet
    } else {
        Level::Unknown
    }
}

/// A line of slog's or zap's JSON.
fn json(line: &str) -> Option<Entry> {
    if !line.starts_with('{') {
        return None;
    }
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |keys: &[&str]| {
        keys.iter().find_map(|key| value.get(*key)).map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
    };
    let message = text(&["msg", "message"])?;
    Some(Entry::new(
        level(&text(&["level", "severity"]).unwrap_or_default()),
        message,
        text(&["error", "err"]),
    ))
}

/// `E1122 13:04:54.148702       1 leaderelection.go:448] …`.
fn klog(line: &str) -> Option<Entry> {
    let bytes = line.as_bytes();
    let level = match bytes.first()? {
        b'I' => Level::Quiet,
        b'W' => Level::Warning,
        b'E' | b'F' => Level::Error,
        _ => return None,
    };
    if bytes.len() < 6 || !bytes[1..5].iter().all(u8::is_ascii_digit) || bytes[5] != b' ' {
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
    // The file tells whom the line is about.
    Some(Entry::new(level, format!("{file}] {message}"), error))
}

/// `2026/11/22 13:04:54.148702 WARN RESTY …` of the HTTP client, `SDK 2026/11/22 13:03:16 WARN …` of the AWS SDK.
fn dated(line: &str) -> Option<Entry> {
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
        // A failed attempt is worth an error also where the client only warns of it.
        Level::Warning if !sdk => Entry::new(Level::Error, message.to_owned(), None),
        level => Entry::new(level, message.to_owned(), None),
    })
}

/// `time="…" level=error msg="…" error="…"`, also where the quote before the message is missing.
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
        // What follows is no field: the message goes on without its quotes.
        if let Some(message) = &mut message {
            message.push(' ');
            message.push_str(rest.strip_suffix('"').unwrap_or(rest));
        }
    }
    known.then(|| Entry::new(found, message.unwrap_or_default(), error))
}

/// Fields `key=value` one after another; ends where something else stands, which is what is left.
struct Fields<'a>(&'a str);

impl Iterator for Fields<'_> {
    type Item = (String, String);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.0.trim_start();
        let key = line
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte))
            .count();
        let (key, behind) = line.split_at_checked(key)?;
        let value = behind.strip_prefix('=').filter(|_| !key.is_empty())?;
        let (value, rest) = if value.starts_with('"') {
            quoted(value)
        } else {
            let end = value.find(' ').unwrap_or(value.len());
            (value[..end].to_owned(), &value[end..])
        };
        self.0 = rest;
        Some((key.to_owned(), value))
    }
}

/// The text in quotes at the beginning, without its escapes, and what follows; a quote that is never closed goes to the end.
fn quoted(text: &str) -> (String, &str) {
    let mut plain = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (plain, &text[at + 1..]),
            '\\' => match characters.next() {
                Some((_, 'n')) => plain.push('\n'),
                Some((_, 't')) => plain.push('\t'),
                Some((_, 'r')) => plain.push('\r'),
                Some((_, escaped @ ('"' | '\\'))) => plain.push(escaped),
                Some((_, other)) => plain.extend(['\\', other]),
                None => plain.push('\\'),
            },
            _ => plain.push(character),
        }
    }
    (plain, "")
}
