//! A service-account token: decoded, never verified, never shown.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// When a token ends, in seconds since 1970; `None` when it is no JWT or has no end (RFC 7519 §4.1.4).
pub fn expiry(token: &str) -> Option<i64> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    claims.get("exp")?.as_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn the_end_of_a_token_is_read_from_its_claims() {
        assert_eq!(expiry(&token(r#"{"exp":1700000000}"#)), Some(1_700_000_000));
        assert_eq!(expiry(&token(r#"{"sub":"x"}"#)), None);
    }

    #[test]
    fn what_is_no_token_has_no_end() {
        for text in ["", "abc", "a.b.c", "a.!!!.c", &token("[1]"), &token("{\"exp\":\"soon\"}")] {
            assert_eq!(expiry(text), None, "{text}");
        }
    }
}
