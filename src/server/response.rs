//! The response to one request.

use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode, header};
use tokio::sync::oneshot;

use crate::server::auth_policy::AuthPolicy;
use crate::server::password_checks::Busy;
use crate::server::route::Route;
use crate::server::shared_state::Shared;

const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// `Retry-After` while too many passwords are waiting to be verified.
const AUTH_RETRY_AFTER: Duration = Duration::from_secs(5);

/// A response before its last headers.
struct PendingResponse {
    status: StatusCode,
    kind: &'static str,
    body: Vec<u8>,
    /// Whether compression is worthwhile.
    compressible: bool,
    more: Vec<(HeaderName, HeaderValue)>,
}

/// Responds to a request; its body is not read.
pub(super) async fn respond(
    shared: &Shared,
    policy: &AuthPolicy,
    source: IpAddr,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    let answer = answer(shared, policy, source, request).await;
    let zip = answer.compressible && accepts_gzip(request.headers());
    let mut response = Response::new(Full::new(Bytes::from(if zip {
        zipped(&answer.body)
    } else {
        answer.body
    })));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.kind));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if answer.kind == HTML {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(shared.handlers.content_security_policy),
        );
    }
    if answer.compressible {
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if zip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.extend(answer.more);
    for (name, value) in &policy.config.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    response
}

async fn answer(
    shared: &Shared,
    policy: &AuthPolicy,
    source: IpAddr,
    request: &Request<Incoming>,
) -> PendingResponse {
    if let Some(limiter) = &policy.rate_limiter
        && let Err(wait) = limiter.take()
    {
        let sentence = "rate_limit of the web configuration exceeded";
        return PendingResponse::retry_later(StatusCode::TOO_MANY_REQUESTS, sentence, wait);
    }
    let route = Route::of(request.uri().path(), &shared.prefix);
    if route.is_open(shared.open_routes) {
        return routed(shared, request, route).await;
    }
    let authorization = request.headers().get(header::AUTHORIZATION);
    match policy.auth.allows(source, authorization).await {
        Ok(true) => routed(shared, request, route).await,
        Ok(false) => PendingResponse::unauthorized(),
        Err(Busy::Source) => PendingResponse::retry_later(
            StatusCode::TOO_MANY_REQUESTS,
            "too many passwords from this address are waiting to be verified",
            AUTH_RETRY_AFTER,
        ),
        Err(Busy::Server) => PendingResponse::retry_later(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many passwords are waiting to be verified",
            AUTH_RETRY_AFTER,
        ),
    }
}

async fn routed(shared: &Shared, request: &Request<Incoming>, route: Route<'_>) -> PendingResponse {
    let views = &shared.handlers;
    if route != Route::Unknown && !route.methods().contains(&request.method().as_str()) {
        return PendingResponse::wrong_method(route.methods());
    }
    match route {
        Route::Page => PendingResponse::compressible(HTML, (views.page)().await),
        Route::Metrics => PendingResponse::compressible(METRICS, (views.metrics)()),
        Route::Status => PendingResponse::compressible(JSON, (views.status_json)().await),
        Route::History => PendingResponse::compressible(JSON, (views.history_json)()),
        Route::Healthy => PendingResponse::text(StatusCode::OK, "healthy"),
        Route::Ready => match (views.ready)() {
            Ok(()) => PendingResponse::text(StatusCode::OK, "ready"),
            Err(why) => PendingResponse::text(StatusCode::SERVICE_UNAVAILABLE, &why),
        },
        Route::Reload => reload(shared).await,
        Route::Runbooks => PendingResponse::html((views.runbook_index)()),
        Route::Runbook(name) => PendingResponse::runbook((views.runbook_page)(name)),
        Route::RunbookFile(name) => {
            // People follow links in alerts to here; programs get the file.
            let found = if accepts_html(request.headers()) {
                PendingResponse::runbook((views.runbook_page)(name))
            } else {
                match (views.runbook)(name) {
                    Some(text) => PendingResponse::compressible(TEXT, text.into_bytes()),
                    None => PendingResponse::no_runbook(),
                }
            };
            found.with(header::VARY, "Accept, Accept-Encoding")
        }
        Route::RedirectToRunbooks => {
            PendingResponse::moved(&format!("{}/runbooks/", shared.prefix))
        }
        Route::RedirectToPage => PendingResponse::moved(&format!("{}/", shared.prefix)),
        Route::Unknown => PendingResponse::text(StatusCode::NOT_FOUND, "not found"),
    }
}

async fn reload(shared: &Shared) -> PendingResponse {
    let Some(reload) = &shared.handlers.reload else {
        return PendingResponse::text(
            StatusCode::FORBIDDEN,
            "reloading over HTTP is disabled; --web.enable-lifecycle enables it",
        );
    };
    let (answer, answered) = oneshot::channel();
    let gone = || PendingResponse::text(StatusCode::SERVICE_UNAVAILABLE, "the exporter is ending");
    if reload.send(answer).await.is_err() {
        return gone();
    }
    match answered.await {
        Ok(Ok(())) => PendingResponse::text(StatusCode::OK, "configuration reloaded"),
        Ok(Err(problems)) => PendingResponse::text(StatusCode::INTERNAL_SERVER_ERROR, &problems),
        Err(_) => gone(),
    }
}

impl PendingResponse {
    fn text(status: StatusCode, sentence: &str) -> Self {
        Self {
            status,
            kind: TEXT,
            body: format!("{sentence}\n").into_bytes(),
            compressible: false,
            more: Vec::new(),
        }
    }

    fn compressible(kind: &'static str, body: Vec<u8>) -> Self {
        Self {
            status: StatusCode::OK,
            kind,
            body,
            compressible: true,
            more: Vec::new(),
        }
    }

    fn html(page: String) -> Self {
        Self::compressible(HTML, page.into_bytes())
    }

    fn runbook(page: Option<String>) -> Self {
        page.map_or_else(Self::no_runbook, Self::html)
    }

    fn no_runbook() -> Self {
        Self::text(StatusCode::NOT_FOUND, "no such runbook")
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.more
            .extend(HeaderValue::try_from(value).map(|value| (name, value)));
        self
    }

    fn unauthorized() -> Self {
        Self::text(StatusCode::UNAUTHORIZED, "unauthorized").with(header::WWW_AUTHENTICATE, "Basic")
    }

    fn retry_later(status: StatusCode, sentence: &str, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self::text(status, sentence).with(header::RETRY_AFTER, &seconds.to_string())
    }

    fn wrong_method(methods: &[&str]) -> Self {
        let allowed = methods.join(", ");
        Self::text(StatusCode::METHOD_NOT_ALLOWED, &format!("only {allowed}"))
            .with(header::ALLOW, &allowed)
    }

    fn moved(to: &str) -> Self {
        Self::text(StatusCode::FOUND, to).with(header::LOCATION, to)
    }
}

/// Returns whether `Accept-Encoding` lists gzip with a non-zero weight.
fn accepts_gzip(headers: &hyper::HeaderMap) -> bool {
    let listed = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    listed.flat_map(|value| value.split(',')).any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters
            .trim()
            .strip_prefix("q=")
            .map(|weight| weight.trim().parse::<f32>());
        name.trim().eq_ignore_ascii_case("gzip")
            && weight.is_none_or(|weight| weight.is_ok_and(|weight| weight > 0.0))
    })
}

/// Returns whether `Accept` lists HTML by its name, as every browser does.
fn accepts_html(headers: &hyper::HeaderMap) -> bool {
    let listed = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut types = listed.flat_map(|value| value.split([',', ';']));
    types.any(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
}

fn zipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder
        .write_all(body)
        .and_then(|()| encoder.finish())
        .expect("memory takes every byte")
}
