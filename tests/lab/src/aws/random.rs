//! Ids and secrets that nobody can guess.

use ring::rand::{SecureRandom as _, SystemRandom};

/// So many letters of an alphabet of at most 256.
pub(super) fn letters(length: usize, alphabet: &[u8]) -> String {
    let mut bytes = vec![0; length];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system has random numbers");
    bytes
        .into_iter()
        .map(|byte| char::from(alphabet[usize::from(byte) % alphabet.len()]))
        .collect()
}

/// A request id as AWS writes it.
pub(super) fn request_id() -> String {
    let hex = |length| letters(length, b"0123456789abcdef");
    format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
}
