//! Parses web-identity tokens and verifies their signatures.
//!
//! Wire format: RFC 7519; keys as in RFC 7517, the format that issuers publish.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

use super::account::SigningKeys;
use crate::jwt::FAKE_SIGNATURE;

/// Claims of a token that STS evaluates.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) audiences: Vec<String>,
    pub(super) expires: i64,
}

/// Parses the claims. Returns `None` if `text` is not a token.
pub(super) fn parse_claims(text: &str) -> Option<Claims> {
    let (_, claims, _) = parts(text)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let text = |name: &str| claims[name].as_str().map(str::to_owned);
    let audiences = match &claims["aud"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(all) => all
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    };
    Some(Claims {
        issuer: text("iss")?,
        subject: text("sub")?,
        audiences,
        expires: claims["exp"].as_i64()?,
    })
}

/// Whether the issuer signed the token.
pub(super) fn is_signed_by(text: &str, keys: &SigningKeys) -> bool {
    let Some((header, claims, signature)) = parts(text) else {
        return false;
    };
    match keys {
        SigningKeys::Unavailable => false,
        SigningKeys::Lab => signature == URL_SAFE_NO_PAD.encode(FAKE_SIGNATURE),
        SigningKeys::Jwks(set) => {
            let id = URL_SAFE_NO_PAD
                .decode(header)
                .ok()
                .and_then(|header| serde_json::from_slice::<Value>(&header).ok());
            let id = id.as_ref().and_then(|header| header["kid"].as_str());
            let mut keys = set["keys"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|key| id.is_some_and(|id| key["kid"] == id));
            let signed = format!("{header}.{claims}");
            let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
                return false;
            };
            keys.any(|key| verifies(key, signed.as_bytes(), &signature) == Some(true))
        }
    }
}

/// Whether an RSA or P-256 key made this signature. `None` if the key is malformed.
fn verifies(key: &Value, signed: &[u8], signature: &[u8]) -> Option<bool> {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
    if key["kty"] == "EC" {
        let point = [vec![4], number("x")?, number("y")?].concat();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        return Some(key.verify(signed, signature).is_ok());
    }
    let key = RsaPublicKeyComponents {
        n: number("n")?,
        e: number("e")?,
    };
    Some(
        key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
            .is_ok(),
    )
}

fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return None;
    };
    Some((header, claims, signature))
}
