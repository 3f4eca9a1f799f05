//! Web-identity tokens as STS looks at them: claims, and a signature that is checked.
//!
//! Wire format: RFC 7519; keys as RFC 7517 has them, which is what an issuer publishes.

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

use super::account::Signs;
use crate::{base64, token};

/// What a token says.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) audiences: Vec<String>,
    pub(super) expires: i64,
}

/// Reads claims; `None` is no token.
pub(super) fn claims(text: &str) -> Option<Claims> {
    let (_, claims, _) = parts(text)?;
    let claims: Value = serde_json::from_slice(&base64::from_url(claims)?).ok()?;
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

/// Whether the issuer signed it.
pub(super) fn is_signed_by(text: &str, signs: &Signs) -> bool {
    let Some((header, claims, signature)) = parts(text) else {
        return false;
    };
    match signs {
        Signs::Nobody => false,
        Signs::Lab => signature == base64::for_url(token::SIGNATURE),
        Signs::Keys(set) => {
            let id = base64::from_url(header)
                .and_then(|header| serde_json::from_slice::<Value>(&header).ok());
            let id = id.as_ref().and_then(|header| header["kid"].as_str());
            let mut keys = set["keys"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|key| id.is_some_and(|id| key["kid"] == id));
            let signed = format!("{header}.{claims}");
            let Some(signature) = base64::from_url(signature) else {
                return false;
            };
            keys.any(|key| fits(key, signed.as_bytes(), &signature).is_some_and(|fits| fits))
        }
    }
}

/// Whether a key, RSA or of the curve P-256, made this signature.
fn fits(key: &Value, signed: &[u8], signature: &[u8]) -> Option<bool> {
    let number = |name: &str| key[name].as_str().and_then(base64::from_url);
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
