//! Substring rules, from which the tables are built.

use crate::catalogue::FailureMode;
use crate::classify::text::{Haystack, Text};

/// A rule: all of the substrings must occur in the text.
pub(super) type Rule = (&'static [&'static str], FailureMode);

/// Returns the mode of the first matching rule.
pub(super) fn first_match(rules: &[Rule], text: impl Haystack) -> Option<FailureMode> {
    rules
        .iter()
        .find(|(words, _)| words.iter().all(|word| text.has(word)))
        .map(|(_, mode)| *mode)
}

/// Returns whether any of the substrings occurs in the text.
pub(super) fn contains_any(text: impl Haystack, words: &[&str]) -> bool {
    words.iter().any(|word| text.has(word))
}

/// Returns whether a text without level or code suggests a fault at all.
pub(super) fn sounds_like_a_fault(text: Text<'_>) -> bool {
    const WORDS: &[&str] = &[
        "error",
        "fail",
        "denied",
        "cannot",
        "can't",
        "unable",
        "refused",
        "timeout",
        "timed out",
        "invalid",
        "panic",
        "fatal",
        "forbidden",
        "exceeded",
        "unauthorized",
        "not found",
        "missing",
        "unreachable",
        "expired",
        "rejected",
        "couldn't",
        "could not",
        "no access",
    ];
    const NONE: &[&str] = &[
        "0 errors",
        "0 failed",
        "error count: 0",
        "errors: 0",
        "failed: 0",
        "no error",
        "without error",
        "error: null",
        "error=<nil>",
        "err=<nil>",
    ];
    if !WORDS.iter().any(|word| text.may_contain(word)) {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    let text = text.part(&lower);
    contains_any(text, WORDS) && !contains_any(text, NONE)
}
