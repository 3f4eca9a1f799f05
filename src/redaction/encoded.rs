//! Finds encoded words that contain a secret once they are decoded: base64 and percent-encoding.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use url::form_urlencoded;

type Range = (usize, usize);

/// Shortest encoded word that is decoded, in bytes.
const MIN_WORD_BYTES: usize = 16;
/// Longest encoded word that is decoded, in bytes.
const MAX_WORD_BYTES: usize = 256 * 1024;

/// Returns the encoded words of a text with a secret in their decoded form, which `contains_secret`
/// searches.
pub(super) fn words(text: &str, contains_secret: &dyn Fn(&str) -> bool) -> Vec<Range> {
    let mut found = Vec::new();
    words_of(text, is_base64, |from, to| {
        let word = text[from..to].trim_end_matches('=');
        let decoded = STANDARD_NO_PAD
            .decode(word)
            .or_else(|_| URL_SAFE_NO_PAD.decode(word));
        let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if decoded
            .is_some_and(|decoded| contains_secret(&decoded) || is_user_and_password(&decoded))
        {
            found.push((from, to));
        }
    });
    words_of(text, is_percent_encoded, |from, to| {
        let word = &text[from..to];
        let decoded = form_urlencoded::parse(word.as_bytes()).next();
        if decoded.is_some_and(|(decoded, _)| decoded != word && contains_secret(&decoded)) {
            found.push((from, to));
        }
    });
    found
}

/// Passes on each word of these bytes.
fn words_of(text: &str, belongs: fn(u8) -> bool, mut each: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..]
            .iter()
            .take_while(|byte| belongs(**byte))
            .count();
        if (MIN_WORD_BYTES..=MAX_WORD_BYTES).contains(&length) {
            each(at, at + length);
        }
        at += length.max(1);
    }
}

/// Returns whether a text is the content of a basic authorization header.
fn is_user_and_password(text: &str) -> bool {
    let is_plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic());
    text.split_once(':')
        .is_some_and(|(user, password)| is_plain(user) && is_plain(password))
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/_-=".contains(&byte)
}

fn is_percent_encoded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"%-._~+".contains(&byte)
}
