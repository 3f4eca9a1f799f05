//! A service-account token: decoded, never verified, never shown.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// What a token says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Claims {
    /// Who made it.
    pub issuer: Option<String>,
    /// Whom it stands for.
    pub subject: Option<String>,
    /// Whom it was made for.
    pub audiences: Vec<String>,
    /// When it was made, in seconds since 1970.
    pub issued_at: Option<i64>,
    /// When it ends, in seconds since 1970.
    pub expiry: Option<i64>,
    /// The pod that it is bound to.
    pub pod: Option<String>,
    /// The node that this pod runs on; API servers tell it since Kubernetes 1.30.
    pub node: Option<String>,
}

/// What a token says of itself; `None` when it is no JWT (RFC 7519 §4.1).
pub fn claims(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let claims = claims.as_object()?;
    let text = |name: &str| claims.get(name)?.as_str().map(str::to_owned);
    let audiences = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many
            .iter()
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    let seconds = |name: &str| claims.get(name)?.as_i64();
    let (issued_at, expiry) = (seconds("iat"), seconds("exp"));
    let bound_to = |kind: &str| {
        claims.get("kubernetes.io")?[kind]["name"]
            .as_str()
            .map(str::to_owned)
    };
    let (pod, node) = (bound_to("pod"), bound_to("node"));
    Some(Claims {
        issuer: text("iss"),
        subject: text("sub"),
        audiences,
        issued_at,
        expiry,
        pod,
        node,
    })
}

/// When a token ends, in seconds since 1970; `None` when it is no JWT or has no end.
pub fn expiry(token: &str) -> Option<i64> {
    claims(token)?.expiry
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
    fn one_audience_or_several_are_audiences() {
        let aud = |claims: &str| super::claims(&token(claims)).map(|claims| claims.audiences);
        assert_eq!(aud(r#"{"aud":"a"}"#), Some(vec!["a".to_owned()]));
        assert_eq!(
            aud(r#"{"aud":["a","b",3]}"#),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(aud("{}"), Some(Vec::new()));
        assert_eq!(aud("[]"), None);
    }

    #[test]
    fn what_is_no_token_has_no_end() {
        for text in [
            "",
            "abc",
            "a.b.c",
            "a.!!!.c",
            &token("[1]"),
            &token("{\"exp\":\"soon\"}"),
        ] {
            assert_eq!(expiry(text), None, "{text}");
        }
    }
}
