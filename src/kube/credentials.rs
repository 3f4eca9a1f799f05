//! Credentials for requests to the API server.

use std::io;
use std::path::Path;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::config::regular_file;
use crate::kube::token_claims::{self, TokenClaims};
use crate::redaction;

/// Largest token, CA bundle or key file that is read, in bytes.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 20;

/// The headers that authenticate a request. Empty for anonymous requests and client certificates.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// `Authorization`, marked as sensitive.
    pub headers: HeaderMap,
    /// Expiry of a bearer token, in Unix seconds.
    pub token_expiry: Option<i64>,
}

impl Credentials {
    /// Returns credentials with an `Authorization` header, or `None` if the text does not fit into
    /// a header.
    pub(super) fn authorization(text: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(text).ok()?;
        redaction::remember_authorization(text);
        value.set_sensitive(true);
        Some(Self {
            headers: HeaderMap::from_iter([(AUTHORIZATION, value)]),
            token_expiry: text.strip_prefix("Bearer ").and_then(token_claims::expiry),
        })
    }

    /// Returns the claims of the bearer token, if there is one.
    pub fn claims(&self) -> Option<TokenClaims> {
        let header = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        token_claims::claims(header.strip_prefix("Bearer ")?)
    }
}

/// Reads a token file without the surrounding white space.
pub(super) fn read_token(path: &Path) -> io::Result<String> {
    let token = String::from_utf8_lossy(&read_file(path)?).trim().to_owned();
    let valid = !token.is_empty() && HeaderValue::from_str(&token).is_ok();
    if valid {
        Ok(token)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the file contains no valid token",
        ))
    }
}

pub(super) fn read_file(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    regular_file::read_start(path.as_ref(), MAX_FILE_BYTES)
}
