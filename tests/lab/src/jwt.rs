//! JSON Web Tokens with a fake signature.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The signature of every token of the lab.
pub(crate) const FAKE_SIGNATURE: &[u8] = b"a signature of the lab";

/// Creates a token of the agent's service account that expires at `expires`.
///
/// The lab's API server compares tokens as strings and does not parse them.
pub fn service_account_token(expires: SystemTime) -> String {
    let expires = expires
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let header = json!({ "alg": "RS256", "kid": "lab" });
    let claims = json!({
        "aud": ["https://kubernetes.default.svc"],
        "exp": expires,
        "iat": expires.saturating_sub(3607),
        "iss": "https://kubernetes.default.svc",
        "kubernetes.io": {
            "namespace": "castai-agent",
            "node": { "name": "ip-10-0-1-23.ec2.internal", "uid": "0f1e2d3c-4b5a-4968-8776-655443322110" },
            "pod": { "name": "castai-agent-6d8f9c7b5-x2x4z", "uid": "7e0c5f3a-1b2d-4c3e-8f4a-5b6c7d8e9f00" },
            "serviceaccount": { "name": "castai-agent", "uid": "3a2b1c0d-4e5f-4a6b-9c7d-8e9f0a1b2c3d" },
        },
        "sub": "system:serviceaccount:castai-agent:castai-agent",
    });
    signed(&header, &claims)
}

/// Creates a token with these claims.
pub fn jwt_with_claims(claims: &Value) -> String {
    signed(&json!({ "alg": "RS256", "kid": "lab" }), claims)
}

fn signed(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        part(header),
        part(claims),
        URL_SAFE_NO_PAD.encode(FAKE_SIGNATURE)
    )
}
