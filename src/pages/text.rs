//! Texts of the catalogue and of evidence as HTML.

use maud::{Markup, html};

/// Renders text; what is in backticks is code.
pub(super) fn prose(text: &str) -> Markup {
    let pieces: Vec<&str> = text.split('`').collect();
    // A backtick without a partner is a character like any other.
    let unpaired = pieces.len().is_multiple_of(2);
    html! {
        @for (i, piece) in pieces.iter().enumerate() {
            @if unpaired && i + 1 == pieces.len() {
                "`" (piece)
            } @else if i % 2 == 1 {
                code { (piece) }
            } @else {
                (piece)
            }
        }
    }
}

/// Returns the text without its final full stop.
pub(super) fn clause(text: &str) -> &str {
    text.trim_end_matches('.')
}

/// Returns at most this many characters of a text.
pub(super) fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((cut, _)) => {
            let kept = &text[..cut];
            // A text without spaces, such as an ARN, is cut anywhere.
            let words = kept.rsplit_once(' ').map_or(kept, |(words, _)| words);
            format!("{words} …")
        }
    }
}

/// Returns a number with its noun.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paired_backticks_become_code_and_everything_is_escaped() {
        for (text, html) in [
            ("set `A<B` & go", "set <code>A&lt;B</code> &amp; go"),
            ("a `b", "a `b"),
            ("`a` `b", "<code>a</code> `b"),
            ("<script>", "&lt;script&gt;"),
        ] {
            assert_eq!(prose(text).into_string(), html);
        }
    }

    #[test]
    fn text_is_cut_between_words_or_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüä", 3), "äöü …");
        assert_eq!(shortened("one two three", 9), "one two …");
    }
}
