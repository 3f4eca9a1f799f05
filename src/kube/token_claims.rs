//! Claims of a service-account token (RFC 7519 §4.1). Decoded without verification.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The claims of a token.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TokenClaims {
    /// `iss`.
    pub issuer: Option<String>,
    /// `sub`.
    pub subject: Option<String>,
    /// `aud`.
    pub audiences: Vec<String>,
    /// `iat`, in Unix seconds.
    pub issued_at: Option<i64>,
    /// `exp`, in Unix seconds.
    pub expiry: Option<i64>,
    /// The pod that the token is bound to.
    pub pod: Option<String>,
    /// The node of that pod, which API servers include since Kubernetes 1.30.
    pub node: Option<String>,
}

/// Decodes the claims of a token; `None` if it is not a JWT.
pub fn claims(token: &str) -> Option<TokenClaims> {
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
    Some(TokenClaims {
        issuer: text("iss"),
        subject: text("sub"),
        audiences,
        issued_at,
        expiry,
        pod,
        node,
    })
}

/// Returns the expiry of a token in Unix seconds; `None` if it is not a JWT or does not expire.
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
    fn expiry_is_decoded_from_exp() {
        assert_eq!(expiry(&token(r#"{"exp":1700000000}"#)), Some(1_700_000_000));
        assert_eq!(expiry(&token(r#"{"sub":"x"}"#)), None);
    }

    #[test]
    fn audience_may_be_a_string_or_a_list() {
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
    fn text_that_is_not_a_jwt_has_no_expiry() {
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
