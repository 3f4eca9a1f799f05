//! One request and its bounded answer.

pub mod stream;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;

use crate::catalogue::{FailureMode, Phase};
use crate::net::gathering_socket::Gather;
use crate::net::transport::Received;
use crate::net::{Certificate, Resolver, Route, Stop, Transport, USER_AGENT, proxy};
use crate::report::evidence::quote_body;
use crate::report::{DateSample, Ended, Finding, Trail};

/// The most that is kept of a body.
const MAX_BODY: usize = 64 * 1024;
/// What stands in a secret's place.
const REDACTED: &[u8] = b"[redacted]";
/// A shorter value is no secret, and would be found everywhere.
const MIN_SECRET: usize = 6;
/// The longest header section that is read.
const MAX_HEADERS: usize = 16 * 1024;

/// A connection on which requests can be sent, one after the other.
pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    route: Route,
    base: Option<Uri>,
    received: Received,
    gather: Gather,
    /// Whether it was asked already: such a connection may end at any time, and is opened anew then.
    used: bool,
    /// The address that answered.
    pub peer: SocketAddr,
    /// What the server presented, when it speaks TLS.
    pub certificate: Option<Certificate>,
}

/// What is asked.
#[derive(Clone)]
struct Asked<'a> {
    method: Method,
    path: &'a str,
    headers: HeaderMap,
    body: Bytes,
    /// What of it must not come back into evidence, beside whole headers.
    secrets: Vec<Vec<u8>>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, cut at 64 KiB.
    pub body: Bytes,
    /// Whether the body was longer.
    pub cut: bool,
    /// From the request's first byte to the answer's last.
    pub took: Duration,
    /// From the request's first byte to the end of the answer's headers.
    first: Duration,
    /// This clock when the headers were complete.
    at: SystemTime,
}

/// How far an answer got; outlives the exchange.
#[derive(Clone, Debug, Default)]
struct Progress(Arc<Mutex<Option<(StatusCode, usize)>>>);

impl Connection {
    /// Takes over a transport; `base` makes request targets absolute, for a proxy that forwards plain HTTP.
    pub(crate) async fn open(
        transport: Transport,
        route: Route,
        peer: SocketAddr,
        certificate: Option<Certificate>,
        base: Option<Uri>,
        trail: &Trail,
    ) -> Result<Self, Finding> {
        let gather = transport.gather();
        let (counted, received) = transport.counted();
        let handshake = http1::Builder::new()
            .max_buf_size(MAX_HEADERS)
            .handshake(TokioIo::new(counted))
            .await;
        let (sender, connection) = handshake.map_err(|error| {
            trail.end(Ended::Failed);
            Finding::new(
                FailureMode::NetReset,
                format!("the connection was closed before the request ({error})"),
            )
        })?;
        let driver = tokio::spawn(async move {
            // Its error reaches the sender as well.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            driver,
            route,
            base,
            received,
            gather,
            used: false,
            peer,
            certificate,
        })
    }

    /// Sends a GET and reads the answer, within the agent's limit for an answer and half as long again.
    ///
    /// A server may close a connection after any answer; then the next request goes on a new one, as with Go's client.
    ///
    /// # Errors
    /// `http_timeout`, `http_protocol`, `net_reset`; or what stops the way when the connection has to be opened anew.
    pub async fn get(
        &mut self,
        resolver: &Resolver,
        path: &str,
        headers: HeaderMap,
        trail: &Trail,
    ) -> Result<Answer, Finding> {
        self.ask(resolver, Asked::bare(Method::GET, path, headers), trail)
            .await
    }

    /// Sends a request that only asks, and may therefore be sent again, and reads the answer in the same way.
    ///
    /// What is secret in it, beside whole headers, must not come back into evidence.
    ///
    /// # Errors
    /// As [`Connection::get`].
    pub async fn question(
        &mut self,
        resolver: &Resolver,
        (method, path): (Method, &str),
        headers: HeaderMap,
        (body, secrets): (Bytes, Vec<Vec<u8>>),
        trail: &Trail,
    ) -> Result<Answer, Finding> {
        self.ask(
            resolver,
            Asked {
                body,
                secrets,
                ..Asked::bare(method, path, headers)
            },
            trail,
        )
        .await
    }

    async fn ask(
        &mut self,
        resolver: &Resolver,
        asked: Asked<'_>,
        trail: &Trail,
    ) -> Result<Answer, Finding> {
        if self.used && !self.sender.is_closed() {
            match self.send(asked.clone(), trail).await {
                Err(finding) if finding.mode == FailureMode::NetReset => {}
                answered => return answered,
            }
        }
        if self.used {
            *self = self.route.clone().open(resolver, trail).await?;
        }
        self.used = true;
        self.send(asked, trail).await
    }

    /// Sends a PUT without a body, once, and reads the answer in the same way.
    ///
    /// # Errors
    /// `http_timeout`, `http_protocol`, `net_reset`.
    pub async fn put(
        &mut self,
        path: &str,
        headers: HeaderMap,
        trail: &Trail,
    ) -> Result<Answer, Finding> {
        let answer = self
            .send(Asked::bare(Method::PUT, path, headers), trail)
            .await?;
        self.used = true;
        Ok(answer)
    }

    async fn send(&mut self, asked: Asked<'_>, trail: &Trail) -> Result<Answer, Finding> {
        let progress = Progress::default();
        let Asked {
            method,
            path,
            headers,
            body,
            secrets: of_body,
        } = asked;
        let asked = format!("{method} {path}");
        let request = self.request(method, path, headers, body).map_err(|error| {
            Finding::new(
                FailureMode::HttpProtocol,
                format!("{path} is not a path that can be asked for ({error})"),
            )
        })?;
        let mut secrets = secrets(request.headers());
        secrets.extend(of_body);
        let target = self.route.target();
        let route = self.route.clone();
        let hung = |limit: Duration| progress.clone().hung(&target, &asked, limit);
        let answer = route
            .phase(
                Phase::Request,
                trail,
                self.exchange(request, &progress),
                hung,
            )
            .await?;
        Ok(answer.without(&secrets))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let uri = match &self.base {
            None => path.parse::<Uri>()?,
            Some(base) => {
                let mut parts = base.clone().into_parts();
                parts.path_and_query = Some(path.parse()?);
                Uri::from_parts(parts)?
            }
        };
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .body(Full::new(body))?;
        *request.headers_mut() = headers;
        let host = || HeaderValue::from_str(&self.host()).map_err(http::Error::from);
        if !request.headers().contains_key(header::HOST) {
            request.headers_mut().insert(header::HOST, host()?);
        }
        // A tunnel got it with CONNECT; a proxy that forwards gets it with each request.
        let forwarding = self.route.proxy.as_ref().filter(|_| self.base.is_some());
        if let Some(authorization) = forwarding.and_then(proxy::authorization) {
            request
                .headers_mut()
                .insert(header::PROXY_AUTHORIZATION, authorization);
        }
        request
            .headers_mut()
            .insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        request
            .headers_mut()
            .entry(header::ACCEPT)
            .or_insert(HeaderValue::from_static("application/json"));
        Ok(request)
    }

    fn host(&self) -> String {
        let default = if self.route.trust.is_some() { 443 } else { 80 };
        let target = self.route.target();
        if self.route.port == default {
            target.trim_end_matches(&format!(":{default}")).to_owned()
        } else {
            target
        }
    }

    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        progress: &Progress,
    ) -> Result<Answer, Stop> {
        let asked = format!("{} {}", request.method(), request.uri().path());
        let arrived = self.received.bytes();
        let began = Instant::now();
        let response = self.sender.send_request(request).await;
        let response = response.map_err(|error| self.broken(&error, &asked, arrived))?;
        Answer::collected(response, began, progress).await
    }

    fn broken(&self, error: &hyper::Error, asked: &str, arrived: u64) -> Stop {
        let mode = diagnose(error, self.received.bytes() > arrived);
        let target = self.route.target();
        let evidence = match mode {
            FailureMode::NetReset => {
                format!("{target} closed the connection without an answer to {asked}")
            }
            _ => format!(
                "{target} answered {asked} with something that is not HTTP or is cut off ({error})"
            ),
        };
        Stop::failed(mode, evidence)
    }
}

impl<'a> Asked<'a> {
    fn bare(method: Method, path: &'a str, headers: HeaderMap) -> Self {
        Self {
            method,
            path,
            headers,
            body: Bytes::new(),
            secrets: Vec::new(),
        }
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

/// What an error of the exchange means.
fn diagnose(error: &hyper::Error, something_arrived: bool) -> FailureMode {
    let closed = error.is_incomplete_message() || error.is_closed() || error.is_canceled();
    if !something_arrived && (closed || !error.is_parse()) {
        FailureMode::NetReset
    } else {
        FailureMode::HttpProtocol
    }
}

async fn collect(
    mut body: Incoming,
    status: StatusCode,
    progress: &Progress,
) -> Result<(Bytes, bool), Stop> {
    let mut kept = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let evidence = format!(
                "the answer with status {status} is cut off after {} bytes ({error})",
                kept.len()
            );
            Stop::failed(FailureMode::HttpProtocol, evidence)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let room = MAX_BODY - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        progress.note(status, kept.len());
        if data.len() > room {
            return Ok((kept.into(), true));
        }
    }
    Ok((kept.into(), false))
}

impl Progress {
    fn note(&self, status: StatusCode, bytes: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((status, bytes));
    }

    fn hung(self, target: &str, asked: &str, limit: Duration) -> Finding {
        let far = match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => "no answer".to_owned(),
            Some((status, bytes)) => format!("status {status} and {bytes} bytes, but no end,"),
        };
        Finding::new(
            FailureMode::HttpTimeout,
            format!("{target} gave {far} to {asked} within {limit:?}"),
        )
    }
}

/// What a request carries that must not come back into evidence.
fn secrets(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let sensitive = headers
        .values()
        .filter(|value| value.is_sensitive())
        .map(HeaderValue::as_bytes);
    let bare = sensitive.map(|value| {
        value
            .strip_prefix(b"Bearer ")
            .or(value.strip_prefix(b"Basic "))
            .unwrap_or(value)
    });
    bare.filter(|secret| secret.len() >= MIN_SECRET)
        .map(<[u8]>::to_vec)
        .collect()
}

/// The bytes with every occurrence of these secrets replaced.
fn redacted(bytes: &[u8], secrets: &[Vec<u8>]) -> Option<Vec<u8>> {
    let occurs = |secret: &&Vec<u8>| {
        bytes
            .windows(secret.len())
            .any(|window| window == secret.as_slice())
    };
    let found: Vec<_> = secrets.iter().filter(occurs).collect();
    if found.is_empty() {
        return None;
    }
    let mut clean = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        if let Some(secret) = found.iter().find(|secret| rest.starts_with(secret)) {
            clean.extend_from_slice(REDACTED);
            rest = &rest[secret.len()..];
        } else {
            clean.push(*first);
            rest = &rest[1..];
        }
    }
    Some(clean)
}

impl Answer {
    /// The answer whose headers are complete now, to a request that began then.
    async fn collected(
        response: http::Response<Incoming>,
        began: Instant,
        progress: &Progress,
    ) -> Result<Self, Stop> {
        let first = began.elapsed();
        let at = SystemTime::now();
        let (parts, body) = response.into_parts();
        progress.note(parts.status, 0);
        let (body, cut) = collect(body, parts.status, progress).await?;
        Ok(Self {
            status: parts.status,
            headers: parts.headers,
            body,
            cut,
            took: began.elapsed(),
            first,
            at,
        })
    }

    /// The same answer, should it echo what only the request may hold.
    fn without(mut self, secrets: &[Vec<u8>]) -> Self {
        if let Some(clean) = redacted(&self.body, secrets) {
            self.body = clean.into();
        }
        for value in self.headers.values_mut() {
            if let Some(clean) = redacted(value.as_bytes(), secrets)
                .and_then(|clean| HeaderValue::from_bytes(&clean).ok())
            {
                *value = clean;
            }
        }
        self
    }

    /// A header's value as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type without its parameters, in lower case.
    pub fn content_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    }

    /// The body as JSON, when it is.
    pub fn json(&self) -> Option<serde_json::Value> {
        if self.cut {
            None
        } else {
            serde_json::from_slice(&self.body).ok()
        }
    }

    /// The beginning of the body as evidence, or a page's title.
    pub fn quoted(&self) -> String {
        quote_body(&self.body)
    }

    /// What the server's clock said, by its `Date` header.
    pub fn date(&self) -> Option<jiff::Timestamp> {
        Some(
            jiff::fmt::rfc2822::parse(self.header("date")?)
                .ok()?
                .timestamp(),
        )
    }

    /// What the `Date` header says about this clock; the header counts whole seconds (RFC 9110 §5.6.7).
    pub fn date_sample(&self, source: &'static str) -> Option<DateSample> {
        let server = self.date()?;
        let local = jiff::Timestamp::try_from(self.at).ok()?;
        let half_trip = self.first.as_secs_f64() / 2.0;
        let skew = (local.as_duration() - server.as_duration()).as_secs_f64() - half_trip - 0.5;
        Some(DateSample {
            source,
            skew,
            uncertainty: half_trip + 0.5,
        })
    }
}
