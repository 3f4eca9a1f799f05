//! A connection that sends requests one after the other.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;

use super::USER_AGENT;
use super::redaction::{remember, secrets};
use super::request::HttpRequest;
use super::response::{Response, ResponseProgress};
use super::stream::{Stream, StreamResponse};
use crate::catalogue::{FailureMode, Phase};
use crate::net::transport::ReceivedBytes;
use crate::net::{Certificate, PhaseError, Target, Transport, proxy};
use crate::report::{Finding, PhaseOutcome, PhaseTimer};

/// Largest header section of a response, in bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Largest number of bytes before the end of a response's headers, with all interim responses.
const MAX_HEAD_BYTES: u64 = 64 * 1024;

/// An HTTP/1.1 connection, directly or through a proxy.
pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    target: Target,
    /// Makes request targets absolute, for a proxy that forwards plain HTTP.
    base: Option<Uri>,
    received: ReceivedBytes,
    used: bool,
    /// Address of the server or proxy.
    pub peer: SocketAddr,
    /// Certificate that the server presented.
    pub certificate: Option<Certificate>,
}

impl Connection {
    /// Starts HTTP on a transport; `base` makes request targets absolute, for a proxy that forwards
    /// plain HTTP.
    pub(crate) async fn open(
        transport: Transport,
        target: Target,
        peer: SocketAddr,
        certificate: Option<Certificate>,
        base: Option<Uri>,
        timer: &PhaseTimer,
    ) -> Result<Self, Finding> {
        let (counting, received) = transport.counting();
        let handshake = http1::Builder::new()
            .max_buf_size(MAX_HEADER_BYTES)
            .handshake(TokioIo::new(counting))
            .await;
        let (sender, connection) = handshake.map_err(|error| {
            timer.end(PhaseOutcome::Failed);
            Finding::new(
                FailureMode::NetReset,
                format!("the connection was closed before the request was sent ({error})"),
            )
        })?;
        let driver = tokio::spawn(async move {
            // The sender reports the same error.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            driver,
            target,
            base,
            received,
            used: false,
            peer,
            certificate,
        })
    }

    /// Returns the target that the connection was opened to.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Returns whether a request was sent before; the server may close such a connection at any
    /// time.
    pub(crate) fn is_used(&self) -> bool {
        self.used
    }

    /// Returns whether a request was sent before and the connection is still open.
    pub(crate) fn is_reused(&self) -> bool {
        self.used && !self.sender.is_closed()
    }

    /// Sends a PUT without a body, once, and reads the response.
    ///
    /// # Errors
    /// `http_timeout`, `http_protocol`, `net_reset`.
    pub async fn put(
        &mut self,
        path: &str,
        headers: HeaderMap,
        timer: &PhaseTimer,
    ) -> Result<Response, Finding> {
        self.send(HttpRequest::new(Method::PUT, path, headers), timer)
            .await
    }

    /// Sends a request once and reads the response.
    pub(crate) async fn send(
        &mut self,
        request: HttpRequest<'_>,
        timer: &PhaseTimer,
    ) -> Result<Response, Finding> {
        self.used = true;
        let name = format!("{} {}", request.method, request.path);
        let mut hidden = request.secrets.clone();
        let request = self.build(&request)?;
        hidden.extend(secrets(request.headers()));
        remember(&hidden);
        let target = self.target.clone();
        let progress = ResponseProgress::default();
        let on_timeout = |limit: Duration| {
            progress
                .clone()
                .timed_out(&target.authority(), &name, limit)
        };
        let act = async {
            let began = Instant::now();
            let response = self.head(request, &name).await?;
            Response::collect(response, began, &progress).await
        };
        let response = target
            .run_phase(Phase::Request, timer, act, on_timeout)
            .await?;
        Ok(response.redact(&hidden))
    }

    /// Sends a GET once and reads the head of the response.
    pub(crate) async fn send_for_stream(
        &mut self,
        path: &str,
        headers: HeaderMap,
    ) -> Result<StreamResponse, Finding> {
        self.used = true;
        // The query of a list or watch is too long to be readable in evidence.
        let name = format!("GET {}", path.split('?').next().unwrap_or_default());
        let request = self.build(&HttpRequest::new(Method::GET, path, headers))?;
        let hidden = secrets(request.headers());
        remember(&hidden);
        let target = self.target.clone();
        let progress = ResponseProgress::default();
        let on_timeout = |limit: Duration| {
            progress
                .clone()
                .timed_out(&target.authority(), &name, limit)
        };
        let act = async {
            let began = Instant::now();
            let response = self.head(request, &name).await?;
            if response.status().is_success() {
                let stream = Stream::new(response.into_body(), name.clone());
                return Ok(StreamResponse::Stream(stream));
            }
            let response = Response::collect(response, began, &progress).await?;
            Ok(StreamResponse::Rejected(response.redact(&hidden)))
        };
        target
            .run_phase(Phase::Request, &PhaseTimer::default(), act, on_timeout)
            .await
    }

    /// Sends a request and reads the head of the response.
    async fn head(
        &mut self,
        request: Request<Full<Bytes>>,
        name: &str,
    ) -> Result<http::Response<Incoming>, PhaseError> {
        let received = self.received.count();
        self.received.limit(Some(MAX_HEAD_BYTES));
        let response = self.sender.send_request(request).await;
        let is_flood = self.received.is_over_limit();
        self.received.limit(None);
        response.map_err(|error| {
            if is_flood {
                let target = self.target.authority();
                let evidence = format!(
                    "{target} responded to {name} with more than {MAX_HEAD_BYTES} bytes before the end of its headers"
                );
                return PhaseError::failed(FailureMode::HttpProtocol, evidence);
            }
            self.broken(&error, name, received)
        })
    }

    fn build(&self, request: &HttpRequest<'_>) -> Result<Request<Full<Bytes>>, Finding> {
        let path = request.path.split('?').next().unwrap_or_default();
        self.try_build(request).map_err(|error| {
            Finding::new(
                FailureMode::HttpProtocol,
                format!("{path} is not a valid request path ({error})"),
            )
        })
    }

    fn try_build(&self, from: &HttpRequest<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
        let uri = match &self.base {
            None => from.path.parse::<Uri>()?,
            Some(base) => {
                let mut parts = base.clone().into_parts();
                parts.path_and_query = Some(from.path.parse()?);
                Uri::from_parts(parts)?
            }
        };
        let mut request = Request::builder()
            .method(&from.method)
            .uri(uri)
            .body(Full::new(from.body.clone()))?;
        let headers = request.headers_mut();
        *headers = from.headers.clone();
        if !headers.contains_key(header::HOST) {
            headers.insert(header::HOST, HeaderValue::from_str(&self.host())?);
        }
        // A tunnel received it with CONNECT; a forwarding proxy needs it in each request.
        let forwarding = self.target.proxy.as_ref().filter(|_| self.base.is_some());
        if let Some(authorization) = forwarding.and_then(proxy::authorization) {
            headers.insert(header::PROXY_AUTHORIZATION, authorization);
        }
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers
            .entry(header::ACCEPT)
            .or_insert(HeaderValue::from_static("application/json"));
        Ok(request)
    }

    /// Returns the `Host` header, without the scheme's default port.
    fn host(&self) -> String {
        let default = if self.target.trust.is_some() { 443 } else { 80 };
        let authority = self.target.authority();
        if self.target.port == default {
            authority
                .trim_end_matches(&format!(":{default}"))
                .to_owned()
        } else {
            authority
        }
    }

    fn broken(&self, error: &hyper::Error, request: &str, received_before: u64) -> PhaseError {
        let mode = diagnose(error, self.received.count() > received_before);
        let target = self.target.authority();
        let evidence = match mode {
            FailureMode::NetReset => {
                format!("{target} closed the connection without responding to {request}")
            }
            _ => format!(
                "the response from {target} to {request} is not HTTP or was cut off ({error})"
            ),
        };
        PhaseError::failed(mode, evidence)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// Returns the failure mode of a request that got no complete response.
fn diagnose(error: &hyper::Error, bytes_received: bool) -> FailureMode {
    let closed = error.is_incomplete_message() || error.is_closed() || error.is_canceled();
    if !bytes_received && (closed || !error.is_parse()) {
        FailureMode::NetReset
    } else {
        FailureMode::HttpProtocol
    }
}
