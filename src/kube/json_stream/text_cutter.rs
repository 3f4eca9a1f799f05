//! Copies JSON and cuts its long texts, so that no object can keep more than it should.

use memchr::{memchr, memchr2};

/// Bytes of a UTF-8 character after its first.
const MAX_CONTINUATION_BYTES: usize = 3;

/// Copies JSON that arrives in parts, and cuts each string to a number of bytes as they are
/// written in JSON.
///
/// It never cuts inside a character, an escape sequence or a surrogate pair, so the result is valid
/// JSON if the input is.
#[derive(Debug)]
pub(super) struct TextCutter {
    max_text_bytes: usize,
    in_string: bool,
    escape: Escape,
    /// Whether the last escape sequence was the first half of a surrogate pair.
    half_pair: bool,
    /// Bytes of the current string that were copied.
    copied: usize,
    /// Whether the current string is longer than the limit.
    cut: bool,
}

/// The position in an escape sequence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Escape {
    Outside,
    /// After the backslash.
    Begun,
    /// Inside `\uXXXX`: the number of digits to come, and the value so far.
    Digits(u8, u32),
}

impl TextCutter {
    /// Returns a cutter that is outside a string.
    pub(super) fn new(max_text_bytes: usize) -> Self {
        Self {
            max_text_bytes,
            in_string: false,
            escape: Escape::Outside,
            half_pair: false,
            copied: 0,
            cut: false,
        }
    }

    /// Returns the longest text that is not cut.
    pub(super) fn max_text_bytes(&self) -> usize {
        self.max_text_bytes
    }

    /// Forgets a string that was not finished.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.max_text_bytes);
    }

    /// Copies the next bytes.
    pub(super) fn copy(&mut self, mut bytes: &[u8], to: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let taken = match (self.in_string, self.escape) {
                (false, _) => self.outside(bytes, to),
                (true, Escape::Outside) => self.inside(bytes, to),
                (true, escape) => self.escaped(bytes[0], escape, to),
            };
            bytes = &bytes[taken..];
        }
    }

    /// Copies up to the start of the next string.
    fn outside(&mut self, bytes: &[u8], to: &mut Vec<u8>) -> usize {
        let taken = memchr(b'"', bytes).map_or(bytes.len(), |at| {
            self.reset();
            self.in_string = true;
            at + 1
        });
        to.extend_from_slice(&bytes[..taken]);
        taken
    }

    /// Copies up to the next escape sequence or the end of the string.
    fn inside(&mut self, bytes: &[u8], to: &mut Vec<u8>) -> usize {
        let plain = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        if plain > 0 {
            self.half_pair = false;
            self.plain(&bytes[..plain], to);
        }
        match bytes.get(plain) {
            None => plain,
            Some(b'"') => {
                to.push(b'"');
                self.in_string = false;
                plain + 1
            }
            Some(backslash) => {
                self.cut |= self.copied >= self.max_text_bytes && !self.half_pair;
                self.escape = Escape::Begun;
                self.one(*backslash, to);
                plain + 1
            }
        }
    }

    fn plain(&mut self, bytes: &[u8], to: &mut Vec<u8>) {
        if self.cut {
            return;
        }
        let room = self.max_text_bytes.saturating_sub(self.copied);
        let rest = bytes.get(room..).unwrap_or_default();
        let begun = rest
            .iter()
            .take(MAX_CONTINUATION_BYTES)
            .take_while(|byte| **byte & 0xC0 == 0x80)
            .count();
        let taken = bytes.len().min(room + begun);
        to.extend_from_slice(&bytes[..taken]);
        self.copied += taken;
        self.cut = taken < bytes.len();
    }

    fn escaped(&mut self, byte: u8, escape: Escape, to: &mut Vec<u8>) -> usize {
        self.one(byte, to);
        self.escape = match escape {
            Escape::Begun if byte == b'u' => Escape::Digits(4, 0),
            Escape::Digits(left, value) => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                let value = value << 4 | digit;
                if left > 1 {
                    Escape::Digits(left - 1, value)
                } else {
                    self.half_pair = (0xD800..0xDC00).contains(&value);
                    Escape::Outside
                }
            }
            _ => {
                self.half_pair = false;
                Escape::Outside
            }
        };
        1
    }

    fn one(&mut self, byte: u8, to: &mut Vec<u8>) {
        if !self.cut {
            to.push(byte);
            self.copied += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
    use serde_json::Value;

    use super::*;

    fn cut(json: &str, limit: usize, chunk: usize) -> String {
        let (mut cutter, mut to) = (TextCutter::new(limit), Vec::new());
        for bytes in json.as_bytes().chunks(chunk) {
            cutter.copy(bytes, &mut to);
        }
        String::from_utf8(to).unwrap()
    }

    /// Writes every character outside ASCII as an escape sequence, as some servers do.
    fn escaped(text: &str) -> String {
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}"));
        format!("\"{}\"", units.collect::<String>())
    }

    #[test]
    fn short_texts_are_copied_unchanged() {
        let json = r#"{"a":"b\"\\\u0041\ud83d\ude00","c":["d",7,"ä"],"":""}"#;
        for chunk in 1..=json.len() {
            assert_eq!(cut(json, 30, chunk), json);
        }
    }

    #[test]
    fn long_texts_are_cut_at_characters_escape_sequences_and_surrogate_pairs() {
        let cases = [
            (r#""abcdef""#, r#""abcd""#),
            (r#""abcäf""#, r#""abcä""#),
            (r#""ab\n\n""#, r#""ab\n""#),
            (r#""abc\nx""#, r#""abc\n""#),
            (r#""abc\u00e4x""#, r#""abc\u00e4""#),
            (r#""\ud83d\ude00x""#, r#""\ud83d\ude00""#),
            (r#"{"abcdef":1,"x":"y"}"#, r#"{"abcd":1,"x":"y"}"#),
        ];
        for (json, expected) in cases {
            for chunk in 1..=json.len() {
                assert_eq!(cut(json, 4, chunk), expected, "{json} in chunks of {chunk}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_text_stays_valid_and_a_prefix(text in any::<String>(), limit in 0_usize..40, chunk in 1_usize..50) {
            for json in [Value::from(text.as_str()).to_string(), escaped(&text)] {
                let short: Value = serde_json::from_str(&cut(&json, limit, chunk)).unwrap();
                let short = short.as_str().unwrap();
                prop_assert!(text.starts_with(short), "{json}: {short}");
                // A surrogate pair is written with twelve bytes.
                prop_assert!(short.len() <= limit + 12);
                if json.len() <= limit {
                    prop_assert_eq!(short, text.as_str());
                }
            }
        }
    }
}
