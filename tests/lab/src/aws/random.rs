//! Random IDs and secrets.

use ring::rand::{SecureRandom as _, SystemRandom};

/// Returns a random string over an alphabet of at most 256 letters.
pub(super) fn random_string(length: usize, alphabet: &[u8]) -> String {
    let mut bytes = vec![0; length];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system has random numbers");
    bytes
        .into_iter()
        .map(|byte| char::from(alphabet[usize::from(byte) % alphabet.len()]))
        .collect()
}

/// Returns a random AWS request ID.
pub(super) fn request_id() -> String {
    let hex = |length| random_string(length, b"0123456789abcdef");
    format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
}
