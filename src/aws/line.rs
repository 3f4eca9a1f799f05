//! The SDK's requests on the exporter's own way: one target, phase by phase, one attempt.
//!
//! A line leads to one host and port. Whatever the SDK would send elsewhere is not sent, so that a key, a token or a
//! signature reaches nobody but the service it is meant for.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::config::Secret;
use crate::net::{Answer, Connection, Resolver, Route};
use crate::report::{Finding, Trail};

/// Headers of the SDK that nobody may quote.
const SECRET_HEADERS: [&str; 2] = ["authorization", "x-amz-security-token"];
/// What stands before the signature in `Authorization`.
const SIGNATURE: &str = "Signature=";

/// The way to one service, for the SDK's HTTP client.
#[derive(Clone)]
pub struct Line(Arc<Ends>);

struct Ends {
    route: Route,
    resolver: Arc<Resolver>,
    trail: Trail,
    /// What the bodies of requests carry that must not come back into evidence.
    secrets: Mutex<Vec<Secret>>,
    connection: tokio::sync::Mutex<Option<Connection>>,
    outcome: Mutex<Option<Result<Answer, Finding>>>,
}

/// Why a call gave no result.
#[derive(Debug)]
pub enum Refused {
    /// It did not get through.
    OnTheWay(Finding),
    /// It was answered otherwise than hoped for.
    Answered(Box<Answer>),
    /// It was not sent, and why.
    Unsent(String),
}

/// The SDK wants an error; the finding itself is kept on the line.
#[derive(Debug, thiserror::Error)]
#[error("not reached")]
struct NotReached;

impl Line {
    /// The line along a route; its phases are marked on the trail.
    pub fn new(route: Route, resolver: &Arc<Resolver>, trail: &Trail) -> Self {
        Self(Arc::new(Ends {
            route,
            resolver: Arc::clone(resolver),
            trail: trail.clone(),
            secrets: Mutex::default(),
            connection: tokio::sync::Mutex::default(),
            outcome: Mutex::default(),
        }))
    }

    /// The target as people know it.
    pub fn target(&self) -> String {
        self.0.route.target()
    }

    /// What must never be quoted from an answer.
    pub fn keep_secret(&self, secret: &Secret) {
        locked(&self.0.secrets).push(secret.clone());
    }

    /// Makes one call, and gives its result with the answer that it was read from.
    ///
    /// # Errors
    /// How far it got.
    pub async fn call<T, E: fmt::Debug>(
        &self,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<(T, Answer), Refused> {
        locked(&self.0.outcome).take();
        let result = call.await;
        match (result, locked(&self.0.outcome).take()) {
            (Ok(value), Some(Ok(answer))) => Ok((value, answer)),
            (Err(_), Some(Ok(answer))) => Err(Refused::Answered(Box::new(answer))),
            (_, Some(Err(finding))) => Err(Refused::OnTheWay(finding)),
            (Ok(_), None) => Err(Refused::Unsent("the SDK sent nothing".to_owned())),
            // Its words may hold what it was about to sign with.
            (Err(error), None) => Err(Refused::Unsent(format!(
                "the SDK could not send it ({})",
                kind(&error)
            ))),
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?;
        let (parts, body) = request.into_parts();
        let route = &self.0.route;
        let host = parts
            .uri
            .host()
            .unwrap_or_default()
            .trim_matches(['[', ']']);
        let https = parts.uri.scheme_str() == Some("https");
        let port = parts.uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        if host != route.host || port != route.port || https != route.trust.is_some() {
            return Err(ConnectorError::user(NotReached.into()));
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let body = body.bytes().map(Bytes::copy_from_slice).unwrap_or_default();
        let answered = self
            .answered((parts.method, path), parts.headers, body)
            .await;
        *locked(&self.0.outcome) = Some(answered.clone());
        let answer = answered.map_err(|_| ConnectorError::io(NotReached.into()))?;
        let mut response = http::Response::new(SdkBody::from(answer.body));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
    }

    async fn answered(
        &self,
        what: (Method, &str),
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Finding> {
        let Ends {
            route,
            resolver,
            trail,
            ..
        } = &*self.0;
        let (headers, mut secrets) = marked(headers);
        secrets.extend(
            locked(&self.0.secrets)
                .iter()
                .map(|secret| secret.reveal().as_bytes().to_vec()),
        );
        let mut kept = self.0.connection.lock().await;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => route.open(resolver, trail).await?,
        };
        let answer = connection
            .question(resolver, what, headers, (body, secrets), trail)
            .await?;
        *kept = Some(connection);
        Ok(answer)
    }
}

/// The headers with the secret ones marked, and of these what must not be quoted.
fn marked(mut headers: HeaderMap) -> (HeaderMap, Vec<Vec<u8>>) {
    let mut secrets = Vec::new();
    for name in SECRET_HEADERS {
        if let Some(value) = headers.get_mut(name) {
            value.set_sensitive(true);
            let text = value.to_str().unwrap_or_default();
            let parts = [
                text.split(SIGNATURE).nth(1),
                text.split("Credential=")
                    .nth(1)
                    .and_then(|id| id.split('/').next()),
            ];
            secrets.extend(
                parts
                    .into_iter()
                    .flatten()
                    .map(|part| part.as_bytes().to_vec()),
            );
        }
    }
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    (headers, secrets)
}

/// The kind of an error, without its words.
fn kind<E>(error: &SdkError<E, HttpResponse>) -> &'static str {
    match error {
        SdkError::ConstructionFailure(_) => "the request could not be made",
        SdkError::TimeoutError(_) => "its own time was up",
        SdkError::DispatchFailure(_) => "the request could not be handed over",
        _ => "the answer could not be read",
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpClient for Line {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let line = self.clone();
        HttpConnectorFuture::new(async move { line.exchange(request).await })
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Line").field(&self.target()).finish()
    }
}
