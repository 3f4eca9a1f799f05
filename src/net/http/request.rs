//! A request before it is sent.

use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request with the secrets that must not appear in evidence.
#[derive(Clone)]
pub struct HttpRequest<'a> {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: &'a str,
    /// The headers; sensitive values are redacted from the response.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Secrets besides sensitive headers, which are redacted from the response as well.
    pub secrets: Vec<Vec<u8>>,
}

impl<'a> HttpRequest<'a> {
    /// Returns a request without a body.
    pub fn new(method: Method, path: &'a str, headers: HeaderMap) -> Self {
        Self {
            method,
            path,
            headers,
            body: Bytes::new(),
            secrets: Vec::new(),
        }
    }
}
