//! Removes a request's secrets from the response, which may echo them.

use http::{HeaderMap, HeaderValue};

use crate::redaction;

/// Replacement for a secret.
const REDACTED: &[u8] = b"[redacted]";
/// Shorter values are not treated as secrets, because they would match everywhere.
const MIN_SECRET_LENGTH: usize = 6;

/// Returns the sensitive header values of a request, without their authorization scheme.
pub(super) fn secrets(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let sensitive = headers
        .values()
        .filter(|value| value.is_sensitive())
        .map(HeaderValue::as_bytes);
    let bare = sensitive.map(|value| {
        value
            .strip_prefix(b"Bearer ")
            .or(value.strip_prefix(b"Basic "))
            .unwrap_or(value)
    });
    bare.filter(|secret| secret.len() >= MIN_SECRET_LENGTH)
        .map(<[u8]>::to_vec)
        .collect()
}

/// Remembers secrets that a request sends, because the response may echo them in another encoding.
pub(super) fn remember(secrets: &[Vec<u8>]) {
    for secret in secrets {
        redaction::remember(secret);
    }
}

/// Returns the bytes with every secret replaced, or `None` if they contain none.
pub(super) fn redacted(bytes: &[u8], secrets: &[Vec<u8>]) -> Option<Vec<u8>> {
    let occurs = |secret: &&Vec<u8>| {
        bytes
            .windows(secret.len())
            .any(|window| window == secret.as_slice())
    };
    let found: Vec<_> = secrets.iter().filter(occurs).collect();
    if found.is_empty() {
        return None;
    }
    let mut clean = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        if let Some(secret) = found.iter().find(|secret| rest.starts_with(secret)) {
            clean.extend_from_slice(REDACTED);
            rest = &rest[secret.len()..];
        } else {
            clean.push(*first);
            rest = &rest[1..];
        }
    }
    Some(clean)
}
