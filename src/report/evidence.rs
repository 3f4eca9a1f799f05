//! The sentence for people, safe wherever it is shown.

use std::fmt;

/// The most that one sentence may hold, in bytes.
const MAX_SENTENCE: usize = 2048;
/// The most that is quoted of foreign bytes, in bytes.
const MAX_QUOTE: usize = 300;
/// A page has its title within so many bytes.
const HEAD: usize = 4096;

/// What was seen, in one line: bounded, without control characters, without secrets.
///
/// A view still escapes it for its own medium (HTML, JSON, logfmt).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Evidence(String);

impl Evidence {
    /// The sentences one after the other.
    pub fn joined<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut whole = String::new();
        for part in parts {
            if !whole.is_empty() {
                whole.push_str("; ");
            }
            whole.push_str(&part.0);
        }
        Self::from(whole)
    }

    /// The sentence.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Foreign bytes as they may stand in a sentence: cut, lossy, without control characters, in quotes.
pub fn quote(foreign: &[u8]) -> String {
    let cut = &foreign[..foreign.len().min(MAX_QUOTE)];
    let text = String::from_utf8_lossy(cut);
    let ellipsis = if foreign.len() > cut.len() { "…" } else { "" };
    format!("\"{}{ellipsis}\"", single_line(text.trim()))
}

/// The beginning of a body, or the title alone where it is a page that has one.
pub fn quote_body(body: &[u8]) -> String {
    match title(body) {
        Some(title) => format!("the page {}", quote(title)),
        None => quote(body),
    }
}

/// What stands in the first kilobytes between `<title>` and `</title>`.
fn title(body: &[u8]) -> Option<&[u8]> {
    let head = &body[..body.len().min(HEAD)];
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

/// The text in one line: white space folded, everything that steers a terminal or hides text removed.
pub fn single_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            space = !line.is_empty();
        } else if !steers(c) {
            if space {
                line.push(' ');
                space = false;
            }
            line.push(c);
        }
    }
    line
}

/// Control characters, and the format characters that reorder or hide what stands beside them.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

impl From<String> for Evidence {
    fn from(text: String) -> Self {
        let mut line = single_line(&text);
        if line.len() > MAX_SENTENCE {
            let end = (0..=MAX_SENTENCE)
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
    fn of_a_page_its_title_says_enough() {
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
    fn what_steers_a_terminal_is_removed() {
        let evidence = Evidence::from("a\u{1b}[31mred\r\nb\t\u{202e}c\u{7}".to_owned());
        assert_eq!(evidence.as_str(), "a[31mred b c");
    }

    #[test]
    fn a_quote_of_foreign_bytes_is_cut_and_in_one_line() {
        let quoted = quote(&[b'x'; 1000]);
        assert!(quoted.len() < 310 && quoted.ends_with("…\""), "{quoted}");
        assert_eq!(quote(b" <b>\xff\n</b> "), "\"<b>\u{fffd} </b>\"");
    }

    #[test]
    fn a_sentence_is_bounded_on_a_character_boundary() {
        let evidence = Evidence::from("ä".repeat(5000));
        assert!(evidence.as_str().len() <= MAX_SENTENCE + '…'.len_utf8());
    }
}
