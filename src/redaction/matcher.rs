//! Finds secrets and long parts of them in a text, in one pass.

use crate::redaction::encodings;

/// Shorter secrets are not searched for, because they would match everywhere.
const MIN_SECRET_BYTES: usize = 6;
/// A part of a secret is one too if it is at least half of it and longer than eight bytes …
const MIN_PART_BYTES: usize = 9;
/// … or if it has this length.
const MAX_PART_BYTES: usize = 16;
/// Bytes that are compared at once.
const GRAM_BYTES: usize = 8;
/// Bits of the filter that most of a text does not pass.
const FILTER_BITS: u32 = 12;

/// Finds the secrets that it was built with.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    patterns: Vec<Pattern>,
    /// Some positions of all patterns by the bytes there, sorted. Every part of a pattern that is
    /// long enough contains one of them.
    grams: Vec<Gram>,
    filter: Vec<bool>,
    /// Patterns that are shorter than a gram.
    short: Vec<Vec<u8>>,
}

/// An encoded secret.
#[derive(Debug)]
struct Pattern {
    bytes: Vec<u8>,
    /// Length of the shortest part that is a secret too.
    min_part: usize,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Gram {
    /// The bytes as a number, which is compared in one instruction.
    bytes: u64,
    /// Index of the pattern. There are thousands of grams, so indices are small.
    pattern: u32,
    /// Position in the pattern.
    at: u32,
}

impl Matcher {
    /// Builds a matcher for secrets in all encodings.
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> Self {
        let forms = secrets
            .filter(|secret| secret.len() >= MIN_SECRET_BYTES)
            .flat_map(encodings::all);
        let (short, long): (Vec<_>, Vec<_>) = forms.partition(|form| form.len() < GRAM_BYTES);
        let patterns: Vec<Pattern> = long.into_iter().map(Pattern::new).collect();
        let mut grams = Vec::with_capacity(patterns.iter().map(|one| one.grams().len()).sum());
        let mut filter = vec![false; 1 << FILTER_BITS];
        for (pattern, index) in patterns.iter().zip(0..) {
            for (at, bytes) in pattern.grams() {
                filter[filter_bit(bytes)] = true;
                let at = u32::try_from(at).expect("secrets are read from bounded files");
                grams.push(Gram {
                    bytes,
                    pattern: index,
                    at,
                });
            }
        }
        grams.sort_unstable();
        Self {
            patterns,
            grams,
            filter,
            short,
        }
    }

    /// Returns the ranges of a text that are secret.
    pub(super) fn ranges(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for pattern in &self.short {
            let occurs = |(_, window): &(usize, &[u8])| *window == pattern.as_slice();
            let occurrences = text.windows(pattern.len()).enumerate().filter(occurs);
            found.extend(occurrences.map(|(at, _)| (at, at + pattern.len())));
        }
        if self.patterns.is_empty() {
            return found;
        }
        let mut at = 0;
        while let Some(gram) = text.get(at..at + GRAM_BYTES) {
            match self.longest(text, at, number(gram)) {
                Some((from, to)) => {
                    found.push((from, to));
                    at = to;
                }
                None => at += 1,
            }
        }
        found
    }

    /// Returns the longest part of a secret around a position.
    fn longest(&self, text: &[u8], at: usize, gram: u64) -> Option<(usize, usize)> {
        if !self.filter[filter_bit(gram)] {
            return None;
        }
        let first = self.grams.partition_point(|known| known.bytes < gram);
        self.grams[first..]
            .iter()
            .take_while(|known| known.bytes == gram)
            .filter_map(|known| {
                let Pattern { bytes, min_part } = &self.patterns[known.pattern as usize];
                let known_at = known.at as usize;
                let before = common(text[..at].iter().rev(), bytes[..known_at].iter().rev());
                let after = common(text[at..].iter(), bytes[known_at..].iter());
                (before + after >= *min_part).then_some((at - before, at + after))
            })
            .max_by_key(|(from, to)| to - from)
    }
}

impl Pattern {
    fn new(bytes: Vec<u8>) -> Self {
        let min_part = match bytes.len() / 2 {
            half if half < MIN_PART_BYTES => bytes.len(),
            half => half.min(MAX_PART_BYTES),
        };
        Self { bytes, min_part }
    }

    /// Returns the grams at some positions: every part of the shortest length contains one.
    fn grams(&self) -> impl ExactSizeIterator<Item = (usize, u64)> {
        let windows = self.bytes.windows(GRAM_BYTES).enumerate();
        let spaced = windows.step_by(self.min_part - GRAM_BYTES + 1);
        spaced.map(|(at, gram)| (at, number(gram)))
    }
}

/// Returns how many bytes two sequences have in common from their start.
fn common<'a>(one: impl Iterator<Item = &'a u8>, other: impl Iterator<Item = &'a u8>) -> usize {
    one.zip(other)
        .take_while(|(one, other)| one == other)
        .count()
}

fn number(gram: &[u8]) -> u64 {
    u64::from_le_bytes(gram.try_into().expect("the slice has the length of a gram"))
}

fn filter_bit(gram: u64) -> usize {
    // Fibonacci hashing.
    let hash = gram.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(hash >> (u64::BITS - FILTER_BITS)).expect("the filter fits into memory")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};

    use super::*;

    fn hidden(secret: &str, text: &str) -> bool {
        let matcher = Matcher::new([secret.as_bytes()].into_iter());
        !matcher.ranges(text.as_bytes()).is_empty()
    }

    #[test]
    fn halves_longer_than_eight_bytes_are_found() {
        let secret = "Tr0ub4dor-And-Three";
        assert!(hidden(secret, "the password Tr0ub4dor is wrong"));
        assert!(hidden(secret, "the password is …And-Three"));
        assert!(!hidden(secret, "Tr0ub4do"), "less than half");
        assert!(
            !hidden("horse-battery", "horse-bat"),
            "its halves are short"
        );
        assert!(hidden("horse-battery", "a horse-battery"));
        assert!(hidden("hunter", "hunter hunter2") && !hidden("hunte", "hunte"));
    }

    #[test]
    fn whole_occurrence_is_one_range() {
        let secret = "0123456789abcdef0123456789abcdef";
        let matcher = Matcher::new([secret.as_bytes()].into_iter());
        let text = format!("key={secret}; key={secret}");
        assert_eq!(matcher.ranges(text.as_bytes()), [(4, 36), (42, 74)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn every_long_part_is_found_in_any_text(
            secret in proptest::collection::vec(any::<u8>(), 6..300),
            before in proptest::collection::vec(any::<u8>(), 0..40),
            from in any::<proptest::sample::Index>(),
        ) {
            let matcher = Matcher::new([secret.as_slice()].into_iter());
            let half = secret.len() / 2;
            let length = if half < MIN_PART_BYTES { secret.len() } else { half.min(MAX_PART_BYTES) };
            let from = from.index(secret.len() - length + 1);
            let text = [&before, &secret[from..from + length], b"after"].concat();
            let covered = |at: usize| matcher.ranges(&text).iter().any(|(from, to)| (*from..*to).contains(&at));
            prop_assert!((before.len()..before.len() + length).all(covered));
        }
    }
}
