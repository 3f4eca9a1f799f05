//! Evidence for people: bounded, in one line, safe to display.

use std::fmt;

use crate::redaction::{known_secrets_hidden, scrubbed};

/// Longest evidence, in bytes.
const MAX_EVIDENCE_BYTES: usize = 2048;
/// Longest quote of untrusted input, in bytes.
const MAX_QUOTE_BYTES: usize = 300;
/// Number of bytes of untrusted input that are searched for secrets before it is quoted.
const MAX_SCRUBBED_BYTES: usize = 8192;
/// Number of leading bytes of an HTML page that are searched for its title.
const TITLE_SEARCH_BYTES: usize = 4096;

/// Between several pieces of evidence.
const SEPARATOR: &str = "; ";

/// One line of text: bounded, without control characters, without secrets.
///
/// Every view still escapes it for its format (HTML, JSON, logfmt).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Evidence(String);

impl Evidence {
    /// Joins several pieces of evidence.
    pub fn joined<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut whole = String::new();
        for part in parts {
            if !whole.is_empty() {
                whole.push_str(SEPARATOR);
            }
            whole.push_str(&part.0);
        }
        Self::from(whole)
    }

    /// Adds a remark. Of long evidence the end is cut, not the remark.
    #[must_use]
    pub fn with_remark(&self, remark: &str) -> Self {
        let room = MAX_EVIDENCE_BYTES.saturating_sub(remark.len() + SEPARATOR.len());
        let cut = self.0.floor_char_boundary(room);
        let ellipsis = if cut < self.0.len() { "…" } else { "" };
        Self::from(format!("{}{ellipsis}{SEPARATOR}{remark}", &self.0[..cut]))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Quotes untrusted bytes: truncated, decoded as UTF-8 with replacements, without control
/// characters and secrets.
pub fn quote(untrusted: &[u8]) -> String {
    let searched = &untrusted[..untrusted.len().min(MAX_SCRUBBED_BYTES)];
    let text = String::from_utf8_lossy(searched);
    let clean = scrubbed(&text);
    let cut = clean.floor_char_boundary(MAX_QUOTE_BYTES);
    let ellipsis = if cut < clean.len() { "…" } else { "" };
    format!("\"{}{ellipsis}\"", single_line(clean[..cut].trim()))
}

/// Quotes the beginning of a body, or only the title of an HTML page.
pub fn quote_body(body: &[u8]) -> String {
    match title(body) {
        Some(title) => format!("the page {}", quote(title)),
        None => quote(body),
    }
}

/// Returns the content of `<title>`, if the body starts with a page.
fn title(body: &[u8]) -> Option<&[u8]> {
    let head = &body[..body.len().min(TITLE_SEARCH_BYTES)];
    let find = |from: usize, tag: &[u8]| {
        let at = head[from..]
            .windows(tag.len())
            .position(|window| window.eq_ignore_ascii_case(tag))?;
        Some(from + at)
    };
    let begin = find(0, b"<title>")? + b"<title>".len();
    let title = head[begin..find(begin, b"</title>")?].trim_ascii();
    (!title.is_empty()).then_some(title)
}

/// Returns the text in one line, with white space collapsed and control and invisible characters
/// removed.
pub fn single_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            space = !line.is_empty();
        } else if !is_unsafe(c) {
            if space {
                line.push(' ');
                space = false;
            }
            line.push(c);
        }
    }
    line
}

/// Returns whether a character controls a terminal, or reorders or hides text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

impl From<String> for Evidence {
    fn from(text: String) -> Self {
        let mut line = single_line(&known_secrets_hidden(&text));
        if line.len() > MAX_EVIDENCE_BYTES {
            let end = (0..=MAX_EVIDENCE_BYTES)
                .rev()
                .find(|end| line.is_char_boundary(*end))
                .unwrap_or(0);
            line.truncate(end);
            line.push('…');
        }
        Self(line)
    }
}

impl From<&str> for Evidence {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_page_is_quoted_by_its_title() {
        let page = b"<!DOCTYPE html>\n<HTML><head><TITLE>\n 403 Forbidden </title></head><body>much</body></html>";
        assert_eq!(quote_body(page), "the page \"403 Forbidden\"");
        for body in [
            "<html>403</html>",
            "<title></title>x",
            "<title>never ends",
            "no page",
        ] {
            assert_eq!(quote_body(body.as_bytes()), quote(body.as_bytes()));
        }
    }

    #[test]
    fn terminal_escape_sequences_are_removed() {
        let evidence = Evidence::from("a\u{1b}[31mred\r\nb\t\u{202e}c\u{7}".to_owned());
        assert_eq!(evidence.as_str(), "a[31mred b c");
    }

    #[test]
    fn quote_is_truncated_and_in_one_line() {
        let quoted = quote(&[b'x'; 1000]);
        assert!(quoted.len() < 310 && quoted.ends_with("…\""), "{quoted}");
        assert_eq!(quote(b" <b>\xff\n</b> "), "\"<b>\u{fffd} </b>\"");
    }

    #[test]
    fn evidence_is_truncated_on_a_character_boundary() {
        let evidence = Evidence::from("ä".repeat(5000));
        assert!(evidence.as_str().len() <= MAX_EVIDENCE_BYTES + '…'.len_utf8());
    }
}
