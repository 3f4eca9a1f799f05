//! Splits catalogue texts into sentences.

/// Returns the first sentence of a text. A full stop inside backticks does not count.
pub fn first_sentence(text: &str) -> &str {
    let mut code = false;
    for (at, c) in text.char_indices() {
        match c {
            '`' => code = !code,
            '.' if !code
                && text[at + 1..]
                    .chars()
                    .next()
                    .is_none_or(char::is_whitespace) =>
            {
                return &text[..=at];
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_sentence_ignores_full_stops_in_code_and_inside_words() {
        assert_eq!(
            first_sentence("Ask `nslookup api.cast.ai. x` for v1.2. Then wait."),
            "Ask `nslookup api.cast.ai. x` for v1.2."
        );
        assert_eq!(first_sentence("no stop"), "no stop");
    }
}
