//! Hides secrets in text that other programs wrote: those that this process holds, and those that
//! look like one.
//!
//! Invariant: everything foreign passes through [`known_secrets_hidden`] or [`scrubbed`] before it
//! becomes evidence, a log line or a page. Peers may echo requests, in whole or in part, and in any
//! usual encoding.

mod encodings;
mod matcher;
mod patterns;
mod registry;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub use registry::{RegisteredSecret, remember};

/// The replacement for a secret.
pub const REDACTED: &str = "[redacted]";

/// Remembers the credential in an `Authorization` header, and the password in a basic one.
pub fn remember_authorization(header: &str) {
    let credential = header
        .split_once(' ')
        .map_or(header, |(_, credential)| credential);
    remember(credential.as_bytes());
    let decoded = STANDARD.decode(credential).unwrap_or_default();
    if let Some(colon) = decoded.iter().position(|byte| *byte == b':') {
        remember(&decoded);
        remember(&decoded[colon + 1..]);
    }
}

/// Replaces the secrets that this process holds, and tokens and passwords that no text of ours
/// resembles: JSON Web Tokens, private keys, and credentials in URLs and authorization headers.
pub fn known_secrets_hidden(text: &str) -> Cow<'_, str> {
    let secrets = registry::matcher().ranges(text.as_bytes());
    replaced(
        text,
        secrets.into_iter().chain(patterns::unmistakable(text)),
    )
}

/// Replaces in addition what is named like a secret, such as `password=…`. For text of other
/// programs only.
pub fn scrubbed(text: &str) -> Cow<'_, str> {
    let secrets = registry::matcher().ranges(text.as_bytes());
    let patterns = patterns::unmistakable(text).into_iter();
    replaced(
        text,
        secrets
            .into_iter()
            .chain(patterns)
            .chain(patterns::named(text)),
    )
}

/// Replaces these ranges, which may overlap.
fn replaced(text: &str, ranges: impl Iterator<Item = (usize, usize)>) -> Cow<'_, str> {
    let mut ranges: Vec<_> = ranges.collect();
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    ranges.sort_unstable();
    let mut clean = String::with_capacity(text.len());
    let (mut copied, mut hidden_to) = (0, None);
    for (from, to) in ranges {
        // A secret may end inside a character that its encoding does not share.
        let (from, to) = (text.floor_char_boundary(from), text.ceil_char_boundary(to));
        if hidden_to.is_none_or(|end| from > end) {
            clean.push_str(&text[copied..from]);
            clean.push_str(REDACTED);
        }
        copied = to.max(copied);
        hidden_to = Some(copied);
    }
    clean.push_str(&text[copied..]);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_and_adjacent_ranges_are_one_replacement() {
        let text = "0123456789";
        assert_eq!(replaced(text, [].into_iter()), "0123456789");
        let ranges = [(6, 8), (1, 3), (2, 4), (4, 5)];
        assert_eq!(
            replaced(text, ranges.into_iter()),
            "0[redacted]5[redacted]89"
        );
        assert_eq!(replaced("äöü", [(1, 3)].into_iter()), "[redacted]ü");
    }
}
