//! The JSON document with temporary credentials that instance metadata and container endpoints
//! return.

use serde_json::Value;

use crate::config::Secret;
use crate::config::agent::aws::AccessKey;

/// Returns the expiry, in seconds since 1970.
pub(super) fn expiry(document: &Value) -> Option<i64> {
    document["Expiration"]
        .as_str()?
        .parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_second)
}

/// Returns the access key, if ID and secret are present.
pub(super) fn access_key(document: &Value) -> Option<AccessKey> {
    let text = |name: &str| {
        document[name]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let secret = Secret::new(text("SecretAccessKey")?);
    Some(AccessKey {
        id: text("AccessKeyId")?,
        secret,
        session: text("Token").map(Secret::new),
    })
}
