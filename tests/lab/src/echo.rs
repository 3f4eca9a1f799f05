//! Credentials of a request, as a server that reports it back writes them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::request::Request;

/// Headers that carry a credential.
const CREDENTIAL_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "x-aws-ec2-metadata-token",
    "x-amz-security-token",
];

/// Returns the credentials in a request, written in this encoding: `plain`, `base64`, `base64url`,
/// `percent`, `json`, `halves` or `decoded`, which undoes base64.
pub(crate) fn credentials(request: &Request, encoding: &str) -> String {
    let headers = request.headers.iter().filter(|(name, _)| {
        CREDENTIAL_HEADERS
            .iter()
            .any(|credential| name.eq_ignore_ascii_case(credential))
    });
    let mut text = String::from("bad request:");
    for (_, value) in headers {
        let credential = value.split_once(' ').map_or(&**value, |(_, value)| value);
        text.push(' ');
        text.push_str(&encoded(credential, encoding));
    }
    text
}

fn encoded(credential: &str, encoding: &str) -> String {
    match encoding {
        "base64" => STANDARD.encode(format!("x{credential}")),
        "base64url" => URL_SAFE_NO_PAD.encode(credential),
        "percent" => credential.bytes().fold(String::new(), |mut text, byte| {
            if byte.is_ascii_alphanumeric() {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02x}");
            }
            text
        }),
        "json" => serde_json::Value::from(credential).to_string(),
        "halves" => {
            let (first, second) = credential.split_at(credential.len() / 2);
            format!("<b>{first}</b> <b>{second}</b>")
        }
        "decoded" => {
            let plain = STANDARD.decode(credential).unwrap_or_default();
            String::from_utf8(plain).unwrap_or_else(|_| credential.to_owned())
        }
        _ => credential.to_owned(),
    }
}
