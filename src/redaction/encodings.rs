//! The encodings in which a peer may echo a secret.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Characters that need no percent encoding, besides letters and digits (RFC 3986).
const UNRESERVED: &[u8] = b"-._~";
/// Number of positions of a text in a larger one that give different base64.
const BASE64_OFFSETS: usize = 3;

/// Returns a secret in every encoding that differs: as it is, in base64 at any position in a larger
/// text (such as `user:password`), percent-encoded, and escaped for JSON and HTML.
pub(super) fn all(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_vec()];
    for offset in 0..BASE64_OFFSETS {
        let padded = [&[0; BASE64_OFFSETS][..offset], secret].concat();
        // The characters at both ends also depend on the text around the secret.
        let from = (offset * 8).div_ceil(6);
        let to = padded.len() * 8 / 6;
        for encoded in [
            STANDARD_NO_PAD.encode(&padded),
            URL_SAFE_NO_PAD.encode(&padded),
        ] {
            forms.push(encoded.as_bytes()[from..to].to_vec());
        }
    }
    // Some programs encode unreserved characters too.
    for unreserved in [UNRESERVED, b""] {
        forms.push(percent_encoded(secret, unreserved, true));
        forms.push(percent_encoded(secret, unreserved, false));
    }
    if let Ok(text) = std::str::from_utf8(secret) {
        forms.extend([json(text), html(text)].map(String::into_bytes));
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

fn percent_encoded(secret: &[u8], unreserved: &[u8], upper_case: bool) -> Vec<u8> {
    let mut text = String::with_capacity(secret.len());
    for byte in secret {
        let written = match *byte {
            byte if byte.is_ascii_alphanumeric() || unreserved.contains(&byte) => {
                text.push(char::from(byte));
                Ok(())
            }
            byte if upper_case => write!(text, "%{byte:02X}"),
            byte => write!(text, "%{byte:02x}"),
        };
        written.expect("a string takes everything");
    }
    text.into_bytes()
}

fn json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // Go escapes these for HTML.
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
