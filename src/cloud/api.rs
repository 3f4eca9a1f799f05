//! An API of a cloud: one request with a token, on a verified connection.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;
use url::Url;

use crate::catalogue::Limits;
use crate::config::Secret;
use crate::config::proxy::Proxy;
use crate::net::{Answer, Resolver, Route, Trust};
use crate::report::evidence::quote;
use crate::report::{Finding, Trail};

/// An API at its own host.
#[derive(Debug)]
pub struct Api<'a> {
    route: Route,
    resolver: &'a Resolver,
}

impl<'a> Api<'a> {
    /// The API at this address; a token goes to no other.
    pub fn new(
        url: &Url,
        trust: Arc<Trust>,
        proxy: Option<Proxy>,
        limits: Limits,
        resolver: &'a Resolver,
    ) -> Self {
        let (host, port) = place(url);
        Self {
            route: Route {
                host,
                port,
                trust: Some(trust),
                server_name: None,
                proxy,
                limits,
            },
            resolver,
        }
    }

    /// Its host and port.
    pub fn name(&self) -> String {
        self.route.target()
    }

    /// A GET with a token.
    ///
    /// # Errors
    /// Why no answer could be read.
    pub async fn get(&self, path: &str, token: &Secret) -> Result<Answer, String> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer(token)?)]);
        let trail = Trail::default();
        let asked = async {
            let mut connection = self.route.open(self.resolver, &trail).await?;
            connection.get(self.resolver, path, headers, &trail).await
        };
        asked.await.map_err(|finding| self.lost(&finding))
    }

    /// A POST of a form, one field of which is a secret.
    ///
    /// # Errors
    /// Why no answer could be read.
    pub async fn post(&self, path: &str, form: String, secret: &Secret) -> Result<Answer, String> {
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, form_type)]);
        let trail = Trail::default();
        let secrets = vec![secret.reveal().as_bytes().to_vec()];
        let asked = async {
            let mut connection = self.route.open(self.resolver, &trail).await?;
            connection
                .question(
                    self.resolver,
                    (Method::POST, path),
                    headers,
                    (Bytes::from(form), secrets),
                    &trail,
                )
                .await
        };
        asked.await.map_err(|finding| self.lost(&finding))
    }

    fn lost(&self, finding: &Finding) -> String {
        format!("{}: {} ({})", self.name(), finding.evidence, finding.mode)
    }
}

/// Host and port of a URL.
pub fn place(url: &Url) -> (String, u16) {
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    (host, url.port_or_known_default().unwrap_or(443))
}

/// What an API says that it does not do what it is asked for; its own words where they are JSON.
pub fn refusal(answer: &Answer) -> String {
    let json = answer.json().unwrap_or_default();
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
    let said: Vec<_> = code.into_iter().chain(message).collect();
    let said = if said.is_empty() {
        answer.quoted()
    } else {
        said.join(" ")
    };
    format!("answered {} {said}", answer.status)
}

/// The token of an answer; the answer itself is never quoted.
///
/// # Errors
/// There is none.
pub fn access_token(answer: &Answer) -> Result<Secret, String> {
    let json = answer.json().unwrap_or_default();
    let token = json["access_token"]
        .as_str()
        .filter(|token| !token.is_empty());
    token
        .map(Secret::new)
        .ok_or_else(|| format!("answered {} without a token", answer.status))
}

fn bearer(token: &Secret) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
    let mut value =
        value.map_err(|_| "the token holds a byte that no header may hold".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
