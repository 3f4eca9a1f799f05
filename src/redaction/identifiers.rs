//! Masks identifiers of AWS accounts and credentials, except for their last four characters: enough
//! to compare two of them, too little to use one.

use std::borrow::Cow;

/// Prefixes of access keys and of the unique IDs of users, roles and groups.
const ID_PREFIXES: &[&str] = &[
    "AKIA", "ASIA", "AROA", "AIDA", "AGPA", "AIPA", "ANPA", "ANVA", "APKA", "ABIA", "ACCA", "ASCA",
];
/// Lengths of such an ID, in bytes.
const ID_BYTES: std::ops::RangeInclusive<usize> = 16..=128;
/// Number of digits of an account ID.
const ACCOUNT_DIGITS: usize = 12;
/// Number of characters that stay readable.
const SHOWN: usize = 4;

/// Masks the identifiers in a text, and returns how many there are.
pub(super) fn masked(text: &str) -> (Cow<'_, str>, usize) {
    let ranges = ranges(text);
    if ranges.is_empty() {
        return (Cow::Borrowed(text), 0);
    }
    let mut clean = String::with_capacity(text.len());
    let mut copied = 0;
    for (from, to) in &ranges {
        clean.push_str(&text[copied..*from]);
        clean.extend(std::iter::repeat_n('*', to - from - SHOWN));
        clean.push_str(&text[to - SHOWN..*to]);
        copied = *to;
    }
    clean.push_str(&text[copied..]);
    (Cow::Owned(clean), ranges.len())
}

/// Returns the ranges of all identifiers, in order. They are ASCII and do not overlap, because each
/// is a whole word.
fn ranges(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        let word = at + alphanumeric(&bytes[at..]);
        let from = at + escape(&text[..at], &bytes[at..word]);
        if is_account(text, from, word) || is_unique_id(&bytes[from..word]) {
            found.push((from, word));
        }
        at = word;
    }
    found
}

fn alphanumeric(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count()
}

/// Returns the length of the percent escape that a word starts with, such as `3A` in
/// `%3A123456789012`.
fn escape(before: &str, word: &[u8]) -> usize {
    let is_escape =
        before.ends_with('%') && word.len() > 2 && word[..2].iter().all(u8::is_ascii_hexdigit);
    if is_escape { 2 } else { 0 }
}

fn is_account(text: &str, from: usize, to: usize) -> bool {
    let bytes = text.as_bytes();
    let digits = to - from == ACCOUNT_DIGITS && bytes[from..to].iter().all(u8::is_ascii_digit);
    digits && !is_fraction(&bytes[..from]) && !is_end_of_uuid(&bytes[..from])
}

/// Returns whether the word after this text is the fraction of a number.
fn is_fraction(before: &[u8]) -> bool {
    matches!(before, [.., digit, b'.'] if digit.is_ascii_digit())
}

/// Returns whether the word after this text is the last group of a UUID.
fn is_end_of_uuid(before: &[u8]) -> bool {
    const GROUPS: &[u8] = b"xxxxxxxx-xxxx-xxxx-xxxx-";
    let Some(groups) = before.len().checked_sub(GROUPS.len()) else {
        return false;
    };
    before[groups..]
        .iter()
        .zip(GROUPS)
        .all(|(byte, group)| match group {
            b'-' => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_unique_id(word: &[u8]) -> bool {
    ID_BYTES.contains(&word.len())
        && ID_PREFIXES
            .iter()
            .any(|prefix| word.starts_with(prefix.as_bytes()))
        && word
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_four_characters_stay() {
        for (text, clean) in [
            (
                "arn:aws:iam::123456789012:role/castai",
                "arn:aws:iam::********9012:role/castai",
            ),
            (
                "123456789012.dkr.ecr.eu-central-1.amazonaws.com/agent:v1",
                "********9012.dkr.ecr.eu-central-1.amazonaws.com/agent:v1",
            ),
            (
                "arn%3Aaws%3A123456789012%3Arole",
                "arn%3Aaws%3A********9012%3Arole",
            ),
            ("key AKIAIOSFODNN7EXAMPLE", "key ****************MPLE"),
            (
                "AROAIOSFODNN7EXAMPLEX:session",
                "*****************PLEX:session",
            ),
        ] {
            assert_eq!(masked(text), (Cow::Borrowed(clean), 1));
            assert_eq!(masked(clean).1, 0, "masked only once");
        }
    }

    #[test]
    fn other_numbers_and_words_stay() {
        for text in [
            "0.123456789012 and 1234567890123 and 12345678901",
            "id 01234567-89ab-cdef-0123-456789012345",
            "AKIA is a prefix, ASIAN MARKETS",
            "äöü 123456789012x",
        ] {
            assert_eq!(masked(text), (Cow::Borrowed(text), 0));
        }
    }
}
