//! `API_URL`, `API_KEY` and `TLS_CA_CERT_FILE` as the agent's HTTP client reads them.

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::agent::castai::ApiKey;
use crate::config::secret::Secret;
use crate::config::sourced_value::InvalidValue;
use crate::config::values::shown;

/// Parses `API_URL`: `https://` is added if the scheme is missing; a trailing slash is ignored.
pub(crate) fn url(text: &str) -> Result<url::Url, InvalidValue> {
    let right = "write https://api.cast.ai, or https://api.eu.cast.ai";
    if text.is_empty() {
        return Err(InvalidValue::new(
            "is not set; the agent's requests end with \"no Host in request URL\"",
            right,
        ));
    }
    let shown = |text: &str| {
        // A password may contain anything, so its end is unknown.
        if text.contains('@') {
            "a URL with a user name or password".to_owned()
        } else {
            shown(text)
        }
    };
    if let Some(byte) = text
        .bytes()
        .find(|byte| byte.is_ascii_control() || matches!(byte, b' ' | b'\\'))
    {
        return Err(InvalidValue::new(
            format!("{} contains {}", shown(text), name(byte)),
            right,
        ));
    }
    let (scheme, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => ("https", rest),
        (None, Some(rest)) => ("http", rest),
        (None, None) if text.contains("://") => {
            let what = format!(
                "{} has a scheme that the agent does not know; the agent prepends https://",
                shown(text)
            );
            return Err(InvalidValue::new(what, right));
        }
        (None, None) => ("https", text),
    };
    // The URL parser would accept extra slashes; Go does not.
    if rest.is_empty() || rest.starts_with('/') {
        return Err(InvalidValue::new(
            format!("{} has no host", shown(text)),
            right,
        ));
    }
    if rest
        .split('/')
        .next()
        .is_some_and(|authority| authority.contains('@'))
    {
        return Err(InvalidValue::new("contains a user name or password", right));
    }
    if rest.contains(['?', '#']) {
        let what = format!(
            "{} has a query or fragment, and the agent appends its paths to it",
            shown(text)
        );
        return Err(InvalidValue::new(what, right));
    }
    url::Url::parse(&format!("{scheme}://{}", rest.trim_end_matches('/')))
        .map_err(|error| InvalidValue::new(format!("{} is not a URL: {error}", shown(text)), right))
        .and_then(|url| match url.port() {
            Some(0) => Err(InvalidValue::new(
                format!("{} has port 0", shown(text)),
                right,
            )),
            _ => Ok(url),
        })
}

/// Parses `API_KEY`, or the content of a key file. Surrounding white space is dropped in transit,
/// newlines make the request invalid.
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
        return ApiKey::Malformed(format!(
            "contains {byte} {place}, which is not allowed in a header"
        ));
    }
    if trimmed.is_empty() {
        return ApiKey::Malformed("consists of white space only".to_owned());
    }
    ApiKey::Present(Secret::new(trimmed))
}

/// Parses `TLS_CA_CERT_FILE`: the PEM text itself, with at least one readable certificate.
pub(crate) fn pem(text: &str) -> Result<Vec<u8>, InvalidValue> {
    let right = "the PEM text itself, starting with -----BEGIN CERTIFICATE-----";
    let readable = CertificateDer::pem_slice_iter(text.as_bytes())
        .filter_map(Result::ok)
        .any(|certificate| X509Certificate::from_der(&certificate).is_ok());
    if readable {
        return Ok(text.as_bytes().to_vec());
    }
    let what = if text.trim().is_empty() {
        "is set but empty, so it contains no certificate".to_owned()
    } else if text.contains("-----BEGIN") {
        "is PEM without a readable certificate".to_owned()
    } else if text.starts_with(['/', '.']) && !text.contains('\n') {
        format!(
            "{} is a path, but the agent expects the certificate itself",
            shown(text)
        )
    } else {
        "is not PEM".to_owned()
    };
    Err(InvalidValue::new(what, right))
}

/// Returns the name of the first byte that is not allowed in a header.
pub(super) fn forbidden_byte(text: &str) -> Option<String> {
    text.bytes()
        .find(|byte| *byte < b' ' && *byte != b'\t' || *byte == 0x7f)
        .map(name)
}

fn name(byte: u8) -> String {
    match byte {
        b'\n' => "a newline".to_owned(),
        b'\r' => "a carriage return".to_owned(),
        b'\t' => "a tab".to_owned(),
        b' ' => "a space".to_owned(),
        b'\\' => "a backslash".to_owned(),
        other => format!("the byte 0x{other:02x}"),
    }
}
