//! A text with an index of its four-byte sequences, which rules out most words without a search.
//!
//! The rules look for some 900 words. Nearly all of them are absent from any one line, and nearly
//! all absent words contain a sequence of four bytes that the line lacks.

use std::ops::Deref;

/// Bytes of a sequence.
const GRAM_BYTES: usize = 4;
/// Size of the index: a line fills 1 % of it, a megabyte of prose less than half.
const INDEX_BITS: u32 = 15;

/// Where rules look for words.
pub(super) trait Haystack: Copy {
    /// Returns whether a word occurs.
    fn has(&self, word: &str) -> bool;
}

/// The four-byte sequences of a text, regardless of ASCII case.
pub(super) struct Grams {
    bits: [u64; 1 << (INDEX_BITS - 6)],
}

/// A text, or a part of it, with the index of the whole.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    text: &'a str,
    grams: &'a Grams,
}

impl Grams {
    /// Indexes a text.
    pub(super) fn of(text: &str) -> Self {
        let mut bits = [0; 1 << (INDEX_BITS - 6)];
        let mut gram = 0u32;
        for (at, byte) in text.bytes().enumerate() {
            gram = gram >> 8 | u32::from(byte) << 24;
            if at + 1 >= GRAM_BYTES {
                let (word, bit) = position(gram | FOLD);
                bits[word] |= bit;
            }
        }
        Self { bits }
    }

    /// Returns false if a word certainly does not occur in the text, in whatever case.
    fn may_contain(&self, word: &str) -> bool {
        let bytes = word.as_bytes();
        // From the end, because words begin alike.
        let [.., a, b, c, d] = *bytes else {
            return true;
        };
        if !self.has([a, b, c, d]) {
            return false;
        }
        let mut from = (bytes.len() - GRAM_BYTES) / 2;
        while let [a, b, c, d, ..] = bytes[from..] {
            if !self.has([a, b, c, d]) {
                return false;
            }
            if from == 0 {
                break;
            }
            from /= 2;
        }
        true
    }

    #[inline]
    const fn has(&self, gram: [u8; GRAM_BYTES]) -> bool {
        let (word, bit) = position(u32::from_le_bytes(gram) | FOLD);
        self.bits[word] & bit != 0
    }
}

/// Maps both cases of four ASCII letters to one sequence.
const FOLD: u32 = 0x2020_2020;

/// Returns the place of a sequence in the index.
#[inline]
const fn position(gram: u32) -> (usize, u64) {
    // Knuth's multiplicative hash: the upper bits depend on all four bytes.
    let hash = gram.wrapping_mul(0x9e37_79b1) >> (32 - INDEX_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

impl<'a> Text<'a> {
    /// Pairs a text with its index.
    pub(super) const fn new(text: &'a str, grams: &'a Grams) -> Self {
        Self { text, grams }
    }

    /// Returns a part of this text, or a copy in lower case, with the same index.
    pub(super) const fn part<'b>(&self, part: &'b str) -> Text<'b>
    where
        'a: 'b,
    {
        Text {
            text: part,
            grams: self.grams,
        }
    }

    /// Returns the text.
    pub(super) const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Returns false if a word certainly does not occur, in whatever case.
    pub(super) fn may_contain(&self, word: &str) -> bool {
        self.grams.may_contain(word)
    }

    /// Returns whether a word occurs.
    pub(super) fn contains(&self, word: &str) -> bool {
        self.may_contain(word) && self.text.contains(word)
    }

    /// Returns the first position of a word.
    pub(super) fn find(&self, word: &str) -> Option<usize> {
        self.may_contain(word).then(|| self.text.find(word))?
    }

    /// Returns the last position of a word.
    pub(super) fn rfind(&self, word: &str) -> Option<usize> {
        self.may_contain(word).then(|| self.text.rfind(word))?
    }

    /// Splits at the first occurrence of a word.
    pub(super) fn split_once(&self, word: &str) -> Option<(&'a str, &'a str)> {
        self.may_contain(word).then(|| self.text.split_once(word))?
    }

    /// Splits at the last occurrence of a word.
    pub(super) fn rsplit_once(&self, word: &str) -> Option<(&'a str, &'a str)> {
        self.may_contain(word)
            .then(|| self.text.rsplit_once(word))?
    }

    /// Returns the occurrences of a word with their positions.
    pub(super) fn match_indices(&self, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        self.may_contain(word)
            .then(|| self.text.match_indices(word))
            .into_iter()
            .flatten()
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.text
    }
}

impl Haystack for &str {
    fn has(&self, word: &str) -> bool {
        self.contains(word)
    }
}

impl Haystack for &String {
    fn has(&self, word: &str) -> bool {
        self.contains(word)
    }
}

impl Haystack for Text<'_> {
    fn has(&self, word: &str) -> bool {
        self.contains(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_text_may_occur_in_any_case() {
        let text = "Get \"https://api.cast.ai/\": dial tcp: lookup api.cast.ai: é no such host";
        let grams = Grams::of(text);
        for start in 0..text.len() {
            for end in start..=text.len() {
                let Some(word) = text.get(start..end) else {
                    continue;
                };
                assert!(grams.may_contain(word), "{word}");
                assert!(grams.may_contain(&word.to_ascii_uppercase()), "{word}");
            }
        }
    }

    #[test]
    fn words_with_other_sequences_are_ruled_out() {
        let grams =
            Grams::of("time=\"2026-11-22T13:05:12Z\" level=info msg=\"delta upload finished\"");
        for word in [
            "certificate has expired",
            "delta uploaded",
            "infos",
            "fini shed",
        ] {
            assert!(!grams.may_contain(word), "{word}");
        }
    }

    #[test]
    fn short_words_are_searched() {
        let grams = Grams::of("x407y");
        let text = Text::new("x407y", &grams);
        assert!(text.contains("407") && !text.contains("403"));
        assert_eq!(text.find("07"), Some(2));
        assert_eq!(text.split_once("4"), Some(("x", "07y")));
        assert!(Text::new("", &grams).contains(""));
    }
}
