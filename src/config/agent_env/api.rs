//! `API_URL`, `API_KEY` and `TLS_CA_CERT_FILE`, as the agent's HTTP client takes them.

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::ApiKey;
use crate::config::secret::Secret;
use crate::config::values::shown;
use crate::config::written::Wrong;

/// `API_URL`: without a scheme `https://` is put before it; a slash at the end does not count.
pub(crate) fn url(text: &str) -> Result<url::Url, Wrong> {
    let right = "write https://api.cast.ai, or https://api.eu.cast.ai";
    if text.is_empty() {
        return Err(Wrong::new(
            "is not set; the agent's requests end with \"no Host in request URL\"",
            right,
        ));
    }
    if let Some(byte) = text
        .bytes()
        .find(|byte| byte.is_ascii_control() || matches!(byte, b' ' | b'\\'))
    {
        return Err(Wrong::new(
            format!("{} holds {}", shown(text), name(byte)),
            right,
        ));
    }
    let (scheme, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => ("https", rest),
        (None, Some(rest)) => ("http", rest),
        (None, None) if text.contains("://") => {
            let what = format!(
                "{} has a scheme that the agent does not know; it puts https:// before it",
                shown(text)
            );
            return Err(Wrong::new(what, right));
        }
        (None, None) => ("https", text),
    };
    // The parser would overlook more than one slash; Go does not.
    if rest.is_empty() || rest.starts_with('/') {
        return Err(Wrong::new(format!("{} has no host", shown(text)), right));
    }
    if rest
        .split('/')
        .next()
        .is_some_and(|authority| authority.contains('@'))
    {
        return Err(Wrong::new("holds a user name or password", right));
    }
    if rest.contains(['?', '#']) {
        let what = format!(
            "{} has a query or fragment, and the agent appends its paths to it",
            shown(text)
        );
        return Err(Wrong::new(what, right));
    }
    url::Url::parse(&format!("{scheme}://{}", rest.trim_end_matches('/')))
        .map_err(|error| Wrong::new(format!("{} is no URL: {error}", shown(text)), right))
        .and_then(|url| match url.port() {
            Some(0) => Err(Wrong::new(format!("{} has the port 0", shown(text)), right)),
            _ => Ok(url),
        })
}

/// `API_KEY`, or the content of a key file. White space around it is lost on the way, line feeds forbid the request.
pub(crate) fn key(text: &str) -> ApiKey {
    let trimmed = text.trim_matches([' ', '\t']);
    if text.is_empty() {
        return ApiKey::Missing;
    }
    if let Some(byte) = forbidden_byte(trimmed) {
        let place = if trimmed
            .trim_end_matches(|c: char| c.is_ascii_control())
            .contains(|c: char| c.is_ascii_control())
        {
            "in it"
        } else {
            "at its end"
        };
        return ApiKey::Malformed(format!("holds {byte} {place}, which no header may hold"));
    }
    if trimmed.is_empty() {
        return ApiKey::Malformed("is nothing but white space".to_owned());
    }
    ApiKey::Present(Secret::new(trimmed))
}

/// `TLS_CA_CERT_FILE`: the PEM text itself. At least one certificate of it must be readable.
pub(crate) fn pem(text: &str) -> Result<Vec<u8>, Wrong> {
    let right = "the PEM text itself, beginning with -----BEGIN CERTIFICATE-----";
    let readable = CertificateDer::pem_slice_iter(text.as_bytes())
        .filter_map(Result::ok)
        .any(|certificate| X509Certificate::from_der(&certificate).is_ok());
    if readable {
        return Ok(text.as_bytes().to_vec());
    }
    let what = if text.trim().is_empty() {
        "is set but empty; the agent finds no certificate in it".to_owned()
    } else if text.contains("-----BEGIN") {
        "is PEM without a readable certificate".to_owned()
    } else if text.starts_with(['/', '.']) && !text.contains('\n') {
        format!(
            "{} is a path; the agent takes the value for the certificate itself",
            shown(text)
        )
    } else {
        "is no PEM".to_owned()
    };
    Err(Wrong::new(what, right))
}

/// The name of the first byte that no header may hold.
pub(super) fn forbidden_byte(text: &str) -> Option<String> {
    text.bytes()
        .find(|byte| *byte < b' ' && *byte != b'\t' || *byte == 0x7f)
        .map(name)
}

fn name(byte: u8) -> String {
    match byte {
        b'\n' => "a line feed".to_owned(),
        b'\r' => "a carriage return".to_owned(),
        b'\t' => "a tab".to_owned(),
        b' ' => "a space".to_owned(),
        b'\\' => "a backslash".to_owned(),
        other => format!("the byte 0x{other:02x}"),
    }
}
