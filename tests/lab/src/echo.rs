//! Credentials of a request, as a server that reports it back writes them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use tokio::sync::mpsc;

use crate::request::Request;
use crate::response::Response;

/// Headers that carry a credential.
const CREDENTIAL_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "x-aws-ec2-metadata-token",
    "x-amz-security-token",
];
/// Form fields that carry a credential.
const CREDENTIAL_FIELDS: &[&str] = &["WebIdentityToken", "client_assertion"];
/// Headers of a response that a client may quote.
const QUOTED_HEADERS: &[&str] = &[
    "X-Amzn-Requestid",
    "X-Amzn-Errortype",
    "Server",
    "Via",
    "Location",
    "WWW-Authenticate",
];
/// Size of a chunk of a streamed echo, in bytes. Every credential is longer.
const CHUNK_BYTES: usize = 7;

/// Returns a response that reports the credentials of a request back: in `headers`, in `chunks`, as
/// an error of AWS in XML or JSON (`aws-xml`, `aws-json`), with status 200 (`success`), or else in
/// an encoding; see [`credentials`].
pub(crate) fn response(request: &Request, form: &str) -> Response {
    let echoed = credentials(request, form);
    match form {
        "headers" => QUOTED_HEADERS
            .iter()
            .fold(Response::text(400, ""), |response, name| {
                response.with_header(name, echoed.clone())
            }),
        "chunks" => {
            let chunks: Vec<_> = echoed.as_bytes().chunks(CHUNK_BYTES).collect();
            let (sender, receiver) = mpsc::channel(chunks.len());
            for chunk in chunks {
                let sent = sender.try_send(chunk.to_vec());
                sent.expect("the channel has room for every chunk");
            }
            Response {
                status: 400,
                ..Response::stream("text/plain", receiver)
            }
        }
        "aws-xml" => {
            let echoed = echoed.replace('&', "&amp;").replace('<', "&lt;");
            let error = format!("<Code>{echoed}</Code><Message>{echoed}</Message>");
            let body = format!(
                "<ErrorResponse><Error>{error}</Error><RequestId>{echoed}</RequestId></ErrorResponse>"
            );
            Response::new(400, "text/xml", body)
        }
        "aws-json" => Response::json(400, &json!({ "__type": echoed, "message": echoed })),
        "success" => Response::text(200, &echoed),
        _ => Response::text(400, &echoed),
    }
}

/// Returns whether a request carries credentials.
pub(crate) fn has_credentials(request: &Request) -> bool {
    !of(request).is_empty()
}

/// Returns the credentials in a request, written in this encoding: `base64`, `base64url`,
/// `percent`, `json`, `halves` or `decoded`, which undoes base64. Any other name leaves them as
/// they are.
pub(crate) fn credentials(request: &Request, encoding: &str) -> String {
    let mut text = String::from("bad request:");
    for credential in of(request) {
        text.push(' ');
        text.push_str(&encoded(&credential, encoding));
    }
    text
}

fn of(request: &Request) -> Vec<String> {
    let headers = request.headers.iter().filter(|(name, _)| {
        CREDENTIAL_HEADERS
            .iter()
            .any(|credential| name.eq_ignore_ascii_case(credential))
    });
    let without_scheme = |value: &String| {
        let bare = value.split_once(' ').map(|(_, bare)| bare.to_owned());
        bare.unwrap_or_else(|| value.clone())
    };
    let fields = request
        .parameters()
        .into_iter()
        .filter(|(name, _)| CREDENTIAL_FIELDS.contains(&name.as_str()));
    headers
        .map(|(_, value)| without_scheme(value))
        .chain(fields.map(|(_, value)| value))
        .collect()
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
