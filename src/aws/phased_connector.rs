//! HTTP client for the AWS SDK: one target, phase by phase, one attempt.
//!
//! The connector sends requests to its own host and port only, so a key, token or signature cannot
//! reach another server.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::config::Secret;
use crate::net::{Connection, HttpRequest, Resolver, Response, Target};
use crate::report::{Finding, PhaseTimer};

/// Headers of the SDK that must not appear in evidence.
const SECRET_HEADERS: [&str; 2] = ["authorization", "x-amz-security-token"];
/// Prefix of the signature in `Authorization`.
const SIGNATURE: &str = "Signature=";

/// HTTP client for the AWS SDK that connects to one service.
#[derive(Clone)]
pub struct PhasedConnector(Arc<Inner>);

struct Inner {
    target: Target,
    resolver: Arc<Resolver>,
    timer: PhaseTimer,
    /// Secrets in request bodies, which are redacted from responses.
    secrets: Mutex<Vec<Secret>>,
    connection: tokio::sync::Mutex<Option<Connection>>,
    outcome: Mutex<Option<Result<Response, Finding>>>,
}

/// The reason why a call has no result.
#[derive(Debug)]
pub enum CallError {
    /// No response was received.
    Transport(Finding),
    /// The service, or something in its place, returned an error.
    Response(Box<Response>),
    /// The request was not sent, with the reason.
    NotSent(String),
}

/// The SDK needs an error; the connector keeps the finding.
#[derive(Debug, thiserror::Error)]
#[error("request failed")]
struct RequestFailed;

impl PhasedConnector {
    /// Creates a connector that records its phases in a timer.
    pub fn new(target: Target, resolver: &Arc<Resolver>, timer: &PhaseTimer) -> Self {
        Self(Arc::new(Inner {
            target,
            resolver: Arc::clone(resolver),
            timer: timer.clone(),
            secrets: Mutex::default(),
            connection: tokio::sync::Mutex::default(),
            outcome: Mutex::default(),
        }))
    }

    /// Returns `host:port` of the service.
    pub fn authority(&self) -> String {
        self.0.target.authority()
    }

    /// Redacts a secret from all responses.
    pub fn redact(&self, secret: &Secret) {
        locked(&self.0.secrets).push(secret.clone());
    }

    /// Runs one SDK call and returns its result with the response.
    ///
    /// # Errors
    /// If the request was not sent, got no response, or returned an error.
    pub async fn call<T, E: fmt::Debug>(
        &self,
        call: impl Future<Output = Result<T, SdkError<E, orchestrator::HttpResponse>>>,
    ) -> Result<(T, Response), CallError> {
        locked(&self.0.outcome).take();
        let result = call.await;
        match (result, locked(&self.0.outcome).take()) {
            (Ok(value), Some(Ok(response))) => Ok((value, response)),
            (Err(_), Some(Ok(response))) => Err(CallError::Response(Box::new(response))),
            (_, Some(Err(finding))) => Err(CallError::Transport(finding)),
            (Ok(_), None) => Err(CallError::NotSent("the SDK sent no request".to_owned())),
            // The SDK's own message may contain the credentials.
            (Err(error), None) => Err(CallError::NotSent(format!(
                "the SDK did not send the request: {}",
                kind(&error)
            ))),
        }
    }

    async fn exchange(
        &self,
        request: orchestrator::HttpRequest,
    ) -> Result<orchestrator::HttpResponse, ConnectorError> {
        let request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?;
        let (parts, body) = request.into_parts();
        let target = &self.0.target;
        let host = parts
            .uri
            .host()
            .unwrap_or_default()
            .trim_matches(['[', ']']);
        let https = parts.uri.scheme_str() == Some("https");
        let port = parts.uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        if host != target.host || port != target.port || https != target.trust.is_some() {
            return Err(ConnectorError::user(RequestFailed.into()));
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let body = body.bytes().map(Bytes::copy_from_slice).unwrap_or_default();
        let request = HttpRequest {
            body,
            ..HttpRequest::new(parts.method, path, parts.headers)
        };
        let outcome = self.send(request).await;
        *locked(&self.0.outcome) = Some(outcome.clone());
        let received = outcome.map_err(|_| ConnectorError::io(RequestFailed.into()))?;
        let mut response = http::Response::new(SdkBody::from(received.body));
        *response.status_mut() = received.status;
        *response.headers_mut() = received.headers;
        orchestrator::HttpResponse::try_from(response)
            .map_err(|error| ConnectorError::other(error.into(), None))
    }

    async fn send(&self, mut request: HttpRequest<'_>) -> Result<Response, Finding> {
        let Inner {
            target,
            resolver,
            timer,
            ..
        } = &*self.0;
        request.secrets = mark_secret_headers(&mut request.headers);
        request.secrets.extend(
            locked(&self.0.secrets)
                .iter()
                .map(|secret| secret.reveal().as_bytes().to_vec()),
        );
        request
            .headers
            .insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        let mut kept = self.0.connection.lock().await;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => target.open(resolver, timer).await?,
        };
        let response = connection.request(resolver, request, timer).await?;
        *kept = Some(connection);
        Ok(response)
    }
}

/// Marks secret headers as sensitive, and returns the parts of them that must be redacted.
fn mark_secret_headers(headers: &mut HeaderMap) -> Vec<Vec<u8>> {
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
    secrets
}

/// Describes the kind of an SDK error without its message.
fn kind<E>(error: &SdkError<E, orchestrator::HttpResponse>) -> &'static str {
    match error {
        SdkError::ConstructionFailure(_) => "failed to build the request",
        SdkError::TimeoutError(_) => "the SDK's own timeout expired",
        SdkError::DispatchFailure(_) => "failed to dispatch the request",
        _ => "failed to read the response",
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpClient for PhasedConnector {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for PhasedConnector {
    fn call(&self, request: orchestrator::HttpRequest) -> HttpConnectorFuture {
        let connector = self.clone();
        HttpConnectorFuture::new(async move { connector.exchange(request).await })
    }
}

impl fmt::Debug for PhasedConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PhasedConnector")
            .field(&self.authority())
            .finish()
    }
}
