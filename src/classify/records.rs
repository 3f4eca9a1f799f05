//! Splits a paste into records: an error over several lines, a stack trace, a page or a JSON
//! object is one record.

/// Longest record in bytes; what follows belongs to the next record.
const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// Most lines of a record.
const MAX_RECORD_LINES: usize = 1000;
/// Longest JSON document in bytes, one member on each line as kubectl prints it.
const MAX_DOCUMENT_BYTES: usize = 8 * 1024 * 1024;

/// Consecutive lines that report one thing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Record {
    /// Number of the first line, counted from 1.
    pub first_line: usize,
    /// Number of the last line.
    pub last_line: usize,
    /// The lines, separated by line feeds.
    pub text: String,
}

/// Collects lines into records.
#[derive(Debug, Default)]
pub(super) struct RecordIter {
    current: Option<Record>,
    block: RecordBlock,
    lines: usize,
}

/// The text that the current record still lacks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum RecordBlock {
    /// Nothing: the next line decides.
    #[default]
    None,
    /// A JSON object or array with this many open brackets.
    Json(Brackets),
    /// A page, until this closing tag.
    Page(&'static str),
    /// klog's text between `<` and ` >`.
    Klog,
    /// A Python traceback, until the line with the exception.
    Traceback,
    /// The headers of an HTTP response.
    Headers,
    /// A JSON document of which kubectl prints each member on its own line.
    Document(Brackets),
    /// A quoted YAML value, until this quote.
    Quoted(char),
    /// A YAML value without quotes, while lines are indented deeper than its key.
    Folded(usize),
}

/// Nesting of a JSON text that may continue on the next line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Brackets {
    depth: usize,
    in_string: bool,
}

impl Brackets {
    fn read(mut self, line: &str) -> Self {
        let mut escaped = false;
        for byte in line.bytes() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if self.in_string => escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        self
    }
}

impl RecordIter {
    /// Adds a line; returns the record that it completes, which is the one before.
    pub(super) fn push(&mut self, line: &str) -> Option<Record> {
        self.lines += 1;
        let is_full = self.current.as_ref().is_some_and(|record| {
            if matches!(self.block, RecordBlock::Document(_)) {
                return record.text.len() > MAX_DOCUMENT_BYTES;
            }
            record.text.len() > MAX_RECORD_BYTES
                || record.last_line - record.first_line >= MAX_RECORD_LINES
        });
        if !is_full
            && let Some(current) = &mut self.current
            && continues(current, self.block, line)
        {
            append(&mut current.text, self.block, line);
            current.last_line = self.lines;
            self.block = after_line(self.block, line);
            return None;
        }
        let complete = self.current.take();
        self.block = RecordBlock::None;
        if !line.trim().is_empty() {
            self.current = Some(Record {
                first_line: self.lines,
                last_line: self.lines,
                text: line.to_owned(),
            });
            self.block = opened_by(line);
        }
        complete
    }

    /// Returns the last record.
    pub(super) fn finish(&mut self) -> Option<Record> {
        self.block = RecordBlock::None;
        self.current.take()
    }
}

/// Appends a line; a YAML value that was wrapped becomes one line again.
fn append(text: &mut String, block: RecordBlock, line: &str) {
    match block {
        RecordBlock::Quoted('"') if text.ends_with('\\') => {
            text.pop();
            let line = line.trim_start();
            // A space at the start of a continued line is escaped.
            text.push_str(line.strip_prefix('\\').unwrap_or(line));
        }
        RecordBlock::Quoted(_) | RecordBlock::Folded(_) => {
            text.push(' ');
            text.push_str(line.trim_start());
        }
        _ => {
            text.push('\n');
            text.push_str(line);
        }
    }
}

/// Returns whether a line belongs to the current record.
fn continues(current: &Record, block: RecordBlock, line: &str) -> bool {
    match block {
        RecordBlock::Json(_) | RecordBlock::Page(_) | RecordBlock::Klog => return true,
        RecordBlock::Document(_) => return is_json_member(line),
        RecordBlock::Quoted(_) => return line.starts_with(' '),
        RecordBlock::Folded(indent) => {
            return !line.trim().is_empty() && indent_of(line) > indent;
        }
        RecordBlock::Traceback => return !line.trim().is_empty(),
        RecordBlock::Headers => {
            return line.trim().is_empty() || is_header(line) || line.starts_with(['<', '{']);
        }
        RecordBlock::None => {}
    }
    let trimmed = line.trim_start_matches(['│', ' ', '\t']);
    let is_cause = [
        "caused by:",
        "Caused by:",
        "Suppressed: ",
        "nested exception",
    ]
    .iter()
    .any(|start| trimmed.starts_with(start));
    if is_cause || is_stack_frame(line) || line.starts_with("\tstatus code: ") {
        return true;
    }
    let starts_document = ["<?xml", "<Response", "<ErrorResponse"]
        .iter()
        .any(|start| line.starts_with(start));
    if starts_document {
        // A document follows the line that reports its status.
        return current.text.contains("Error") || current.text.starts_with("<?xml");
    }
    // Terraform draws a box around an error of several lines.
    let in_box = line.starts_with('│') || line.starts_with('╵');
    in_box && current.text.starts_with(['╷', '│'])
        || line.starts_with('\t') && current.text.starts_with("Error")
}

/// Returns whether a line can belong to a JSON document with one member on each line.
fn is_json_member(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty()
        || line.starts_with(['"', '{', '}', '[', ']', '-'])
        || line.starts_with(|first: char| first.is_ascii_digit())
        || ["true", "false", "null"]
            .iter()
            .any(|word| line.starts_with(word))
}

fn indent_of(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b' ').count()
}

fn is_stack_frame(line: &str) -> bool {
    let indented = line.starts_with([' ', '\t']);
    let frame = line.trim_start();
    indented
        && (frame.starts_with("at ")
            || frame.starts_with("... ")
            || frame.starts_with("File \"")
            || frame.starts_with("status code: "))
}

fn is_header(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

/// Returns what a first line leaves open.
fn opened_by(line: &str) -> RecordBlock {
    let start = line.trim_start();
    if line == "{" {
        return RecordBlock::Document(Brackets::default().read(line));
    }
    if start.starts_with('{') || start == "[" {
        return json_block(Brackets::default().read(line));
    }
    if start.starts_with("HTTP/") {
        return RecordBlock::Headers;
    }
    if line.starts_with("Traceback (most recent call last):") {
        return RecordBlock::Traceback;
    }
    if line.ends_with("=<") {
        return RecordBlock::Klog;
    }
    yaml_value(line, start).unwrap_or_else(|| page_block(line))
}

/// Returns what a YAML value that may be wrapped leaves open.
fn yaml_value(line: &str, start: &str) -> Option<RecordBlock> {
    let member = start.trim_start_matches("- ");
    let value = ["message: ", "error: ", "reason: "]
        .iter()
        .find_map(|key| member.strip_prefix(key))?;
    let first = value.chars().next()?;
    if matches!(first, '"' | '\'') {
        let is_open = value.len() == 1 || !value.ends_with(first);
        return is_open.then_some(RecordBlock::Quoted(first));
    }
    // Only values of nested keys are wrapped; `error: …` at the start of a line is a sentence.
    let indent = indent_of(line) + (start.len() - member.len());
    (indent > 0).then_some(RecordBlock::Folded(indent))
}

fn json_block(brackets: Brackets) -> RecordBlock {
    if brackets.depth > 0 {
        RecordBlock::Json(brackets)
    } else {
        RecordBlock::None
    }
}

/// Returns the closing tag of a page that a line opens.
fn page_block(line: &str) -> RecordBlock {
    const PAGES: &[(&str, &str)] = &[
        ("<html", "</html>"),
        ("<HTML", "</HTML>"),
        ("<!DOCTYPE", "</html>"),
        ("<!doctype", "</html>"),
        ("<Response>", "</Response>"),
        ("<ErrorResponse", "</ErrorResponse>"),
        ("<Error>", "</Error>"),
    ];
    if !line.contains('<') {
        return RecordBlock::None;
    }
    PAGES
        .iter()
        .find(|(open, _)| line.contains(open))
        .filter(|(_, close)| !line.contains(close))
        .map_or(RecordBlock::None, |(_, close)| RecordBlock::Page(close))
}

/// Returns what is still open after another line.
fn after_line(block: RecordBlock, line: &str) -> RecordBlock {
    match block {
        RecordBlock::None => page_block(line),
        RecordBlock::Json(brackets) => json_block(brackets.read(line)),
        RecordBlock::Document(brackets) => {
            let brackets = brackets.read(line);
            if brackets.depth > 0 {
                RecordBlock::Document(brackets)
            } else {
                RecordBlock::None
            }
        }
        RecordBlock::Page(close) if line.contains(close) => RecordBlock::None,
        RecordBlock::Klog if line.starts_with(" >") => RecordBlock::None,
        RecordBlock::Quoted(quote) if line.trim_end().ends_with(quote) => RecordBlock::None,
        RecordBlock::Traceback if !line.starts_with([' ', '\t']) => RecordBlock::None,
        RecordBlock::Headers if line.starts_with('{') => json_block(Brackets::default().read(line)),
        RecordBlock::Headers if line.starts_with('<') => page_block(line),
        RecordBlock::Page(_)
        | RecordBlock::Klog
        | RecordBlock::Quoted(_)
        | RecordBlock::Folded(_)
        | RecordBlock::Traceback
        | RecordBlock::Headers => block,
    }
}
