//! A client for a cloud API: one request with a token, on a verified connection.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;
use url::Url;

use crate::catalogue::Timeouts;
use crate::cloud::CloudApiError;
use crate::config::Secret;
use crate::config::agent::proxy::Proxy;
use crate::net::{HttpRequest, Resolver, Response, Target, Trust};
use crate::report::evidence::quote;
use crate::report::{Finding, PhaseTimer};

/// A cloud API at one host.
#[derive(Debug)]
pub struct Api<'a> {
    target: Target,
    resolver: &'a Resolver,
}

impl<'a> Api<'a> {
    /// Creates a client that sends tokens to this host only.
    pub fn new(
        url: &Url,
        trust: Arc<Trust>,
        proxy: Option<Proxy>,
        timeouts: Timeouts,
        resolver: &'a Resolver,
    ) -> Self {
        let (host, port) = host_and_port(url);
        Self {
            target: Target {
                host,
                port,
                trust: Some(trust),
                server_name: None,
                proxy,
                timeouts,
            },
            resolver,
        }
    }

    /// Returns `host:port`.
    pub fn authority(&self) -> String {
        self.target.authority()
    }

    /// Sends a GET with a token.
    ///
    /// # Errors
    /// If no response was received.
    pub async fn get(&self, path: &str, token: &Secret) -> Result<Response, CloudApiError> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer(token)?)]);
        let timer = PhaseTimer::default();
        let exchange = async {
            let mut connection = self.target.open(self.resolver, &timer).await?;
            connection.get(self.resolver, path, headers, &timer).await
        };
        exchange.await.map_err(|finding| self.unreachable(finding))
    }

    /// Posts a form, one field of which is secret.
    ///
    /// # Errors
    /// If no response was received.
    pub async fn post(
        &self,
        path: &str,
        form: String,
        secret: &Secret,
    ) -> Result<Response, CloudApiError> {
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, form_type)]);
        let timer = PhaseTimer::default();
        let secrets = vec![secret.reveal().as_bytes().to_vec()];
        let exchange = async {
            let mut connection = self.target.open(self.resolver, &timer).await?;
            let request = HttpRequest {
                body: Bytes::from(form),
                secrets,
                ..HttpRequest::new(Method::POST, path, headers)
            };
            connection.request(self.resolver, request, &timer).await
        };
        exchange.await.map_err(|finding| self.unreachable(finding))
    }

    /// Returns the error of a response that is not the requested one.
    pub(super) fn error(&self, problem: String) -> CloudApiError {
        CloudApiError::Response {
            server: self.authority(),
            problem,
        }
    }

    fn unreachable(&self, finding: Finding) -> CloudApiError {
        CloudApiError::Unreachable {
            server: self.authority(),
            finding,
        }
    }
}

/// Returns host and port of a URL.
pub fn host_and_port(url: &Url) -> (String, u16) {
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    (host, url.port_or_known_default().unwrap_or(443))
}

/// Describes an error response, with code and message if it is JSON.
pub(super) fn describe_error(response: &Response) -> String {
    let json = response.json().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(|text| quote(text.as_bytes()));
    let (code, message) = match &json["error"] {
        Value::String(code) => (
            Some(quote(code.as_bytes())),
            text(&json["error_description"]),
        ),
        error => (
            text(&error["status"]).or_else(|| text(&error["code"])),
            text(&error["message"]),
        ),
    };
    let parts: Vec<_> = code.into_iter().chain(message).collect();
    let text = if parts.is_empty() {
        response.quoted()
    } else {
        parts.join(" ")
    };
    format!("returned {} {text}", response.status)
}

/// Returns the token in a response, which is never quoted.
///
/// # Errors
/// A description of a response without a token.
pub(super) fn access_token(response: &Response) -> Result<Secret, String> {
    let json = response.json().unwrap_or_default();
    let token = json["access_token"]
        .as_str()
        .filter(|token| !token.is_empty());
    token
        .map(Secret::new)
        .ok_or_else(|| format!("returned {} without a token", response.status))
}

fn bearer(token: &Secret) -> Result<HeaderValue, CloudApiError> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
    let mut value = value.map_err(|_| {
        CloudApiError::InvalidSetting(
            "the token contains a byte that is invalid in an HTTP header".to_owned(),
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
