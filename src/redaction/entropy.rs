//! Distinguishes random values from words and names.

/// Lengths of a generated password, in bytes.
const MIN_PASSWORD_BYTES: usize = 12;
const MAX_PASSWORD_BYTES: usize = 128;
/// Entropy of a random value, in bits per byte, by its least length. Words of any language have
/// less, and shorter values cannot look random.
const VALUE_BITS: &[(usize, f64)] = &[(8, 2.5), (12, 2.8), (20, 3.2), (32, 3.5)];
/// The same for a word without any context.
const WORD_BITS: f64 = 4.5;
/// Base64 has one slash in 64 characters; a path has more.
const BYTES_PER_SLASH: usize = 16;

/// Returns whether a value looks random. Its name says already that it may be a secret.
pub(super) fn is_random_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    let Some((_, bits)) = VALUE_BITS.iter().rev().find(|(min, _)| bytes.len() >= *min) else {
        return false;
    };
    let is_number = bytes.iter().all(|byte| is_number_byte(*byte));
    classes(bytes) >= 2 && !is_number && !is_object_name(bytes) && shannon(bytes) >= *bits
}

/// Returns whether a value could be the name of an object, such as `agent-6d8f9c7b5-x2x4z`.
fn is_object_name(bytes: &[u8]) -> bool {
    let belongs =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-./".contains(byte);
    bytes.iter().all(belongs) && bytes.iter().any(|byte| b"-./".contains(byte))
}

/// Returns whether a word looks like a generated password. Names of objects and paths do not.
pub(super) fn is_password(word: &str) -> bool {
    let bytes = word.as_bytes();
    let is_long = (MIN_PASSWORD_BYTES..=MAX_PASSWORD_BYTES).contains(&bytes.len());
    is_long && has_letters_and_digits(bytes) && !word.contains(['/', ':', '.', ','])
}

/// Returns whether a long word looks random without any context.
pub(super) fn is_random_word(word: &[u8]) -> bool {
    let slashes = word.split(|byte| *byte == b'/').count() - 1;
    has_letters_and_digits(word)
        && slashes <= 1 + word.len() / BYTES_PER_SLASH
        && shannon(word) >= WORD_BITS
}

fn has_letters_and_digits(bytes: &[u8]) -> bool {
    bytes.iter().any(u8::is_ascii_uppercase)
        && bytes.iter().any(u8::is_ascii_lowercase)
        && bytes.iter().any(u8::is_ascii_digit)
}

/// Counts the kinds of characters: upper case, lower case, digits, others.
fn classes(bytes: &[u8]) -> usize {
    let kinds: [fn(&u8) -> bool; 4] = [
        u8::is_ascii_uppercase,
        u8::is_ascii_lowercase,
        u8::is_ascii_digit,
        |byte| !byte.is_ascii_alphanumeric() && !b"-_./".contains(byte),
    ];
    kinds.iter().filter(|kind| bytes.iter().any(kind)).count()
}

fn is_number_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || b".:-+TZeE".contains(&byte)
}

/// Returns the entropy in bits per byte.
#[expect(
    clippy::cast_precision_loss,
    reason = "lengths of words are far below 2^52"
)]
fn shannon(bytes: &[u8]) -> f64 {
    let mut counts = [0usize; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = *count as f64 / total;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_values_are_distinguished_from_names_and_numbers() {
        for value in [
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "Tr0ub4dor&3",
            "7f3a9c1e5b2d",
        ] {
            assert!(is_random_value(value), "{value}");
        }
        for value in [
            "castai-agent",
            "castai-agent/castai-agent-6d8f9c7b5-x2x4z",
            "/var/run/secrets/token",
            "true",
            "2026-11-30T04:26:00Z",
            "1.2.3.4:443",
            "aaaaaaaaaaaaaaaaaaa1",
        ] {
            assert!(!is_random_value(value), "{value}");
        }
    }

    #[test]
    fn random_words_are_distinguished_from_paths_and_identifiers() {
        for word in [
            "FwoGZXIvYXdzEJr2XkPqLmN7aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYz1AMPLEKEY",
        ] {
            assert!(is_random_word(word.as_bytes()), "{word}");
        }
        for word in [
            "io/client-go/tools/cache/reflectorNamed2/Watch",
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "TooManyPodsAreRunningOnTheNode1AndCannotBeScheduled",
            "castai-agent-5d8f9c7b6d-x2x4q-castai-agent-5d8f9c",
        ] {
            assert!(!is_random_word(word.as_bytes()), "{word}");
        }
    }
}
