//! The answer to one request.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode, header};
use tokio::sync::oneshot;

use crate::server::access::Terms;
use crate::server::route::Route;
use crate::server::{Shared, page};

const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
/// A page holds no script, loads nothing, sends nothing and stands in no frame.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// An answer before its last headers.
struct Answer {
    status: StatusCode,
    kind: &'static str,
    body: Vec<u8>,
    /// Worth compressing.
    long: bool,
    more: Vec<(HeaderName, HeaderValue)>,
}

/// Answers; the request's body is not read.
pub(super) async fn answer(
    shared: &Shared,
    terms: &Terms,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    let allowed = terms
        .auth
        .allows(request.headers().get(header::AUTHORIZATION))
        .await;
    let answer = if allowed {
        routed(shared, request).await
    } else {
        Answer::unauthorized()
    };
    let zip = answer.long && accepts_gzip(request.headers());
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
            HeaderValue::from_static(POLICY),
        );
    }
    if answer.long {
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if zip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.extend(answer.more);
    for (name, value) in &terms.config.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    response
}

async fn routed(shared: &Shared, request: &Request<Incoming>) -> Answer {
    let views = &shared.views;
    let route = Route::of(request.uri().path(), &shared.prefix);
    if route != Route::Unknown && !route.methods().contains(&request.method().as_str()) {
        return Answer::wrong_method(route.methods());
    }
    match route {
        Route::Page => Answer::long(
            HTML,
            page::html(&(views.page)(), &shared.prefix).into_bytes(),
        ),
        Route::Metrics => Answer::long(METRICS, (views.metrics)()),
        Route::Status => Answer::long(JSON, (views.status_json)()),
        Route::Healthy => Answer::text(StatusCode::OK, "healthy"),
        Route::Ready => match (views.ready)() {
            Ok(()) => Answer::text(StatusCode::OK, "ready"),
            Err(why) => Answer::text(StatusCode::SERVICE_UNAVAILABLE, &why),
        },
        Route::Reload => reload(shared).await,
        Route::Runbook(name) => match (views.runbook)(name) {
            Some(text) => Answer::long(TEXT, text.into_bytes()),
            None => Answer::text(StatusCode::NOT_FOUND, "no such runbook"),
        },
        Route::FrontDoor => Answer::moved(&format!("{}/", shared.prefix)),
        Route::Unknown => Answer::text(StatusCode::NOT_FOUND, "not found"),
    }
}

async fn reload(shared: &Shared) -> Answer {
    let Some(reload) = &shared.views.reload else {
        return Answer::text(
            StatusCode::FORBIDDEN,
            "reloading over HTTP is disabled; --web.enable-lifecycle enables it",
        );
    };
    let (answer, answered) = oneshot::channel();
    let gone = || Answer::text(StatusCode::SERVICE_UNAVAILABLE, "the exporter is ending");
    if reload.send(answer).await.is_err() {
        return gone();
    }
    match answered.await {
        Ok(Ok(())) => Answer::text(StatusCode::OK, "configuration reloaded"),
        Ok(Err(problems)) => Answer::text(StatusCode::INTERNAL_SERVER_ERROR, &problems),
        Err(_) => gone(),
    }
}

impl Answer {
    fn text(status: StatusCode, sentence: &str) -> Self {
        Self {
            status,
            kind: TEXT,
            body: format!("{sentence}\n").into_bytes(),
            long: false,
            more: Vec::new(),
        }
    }

    fn long(kind: &'static str, body: Vec<u8>) -> Self {
        Self {
            status: StatusCode::OK,
            kind,
            body,
            long: true,
            more: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.more
            .extend(HeaderValue::try_from(value).map(|value| (name, value)));
        self
    }

    fn unauthorized() -> Self {
        Self::text(StatusCode::UNAUTHORIZED, "unauthorized").with(header::WWW_AUTHENTICATE, "Basic")
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

/// Whether `Accept-Encoding` lists gzip and does not weigh it with zero.
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

fn zipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder
        .write_all(body)
        .and_then(|()| encoder.finish())
        .expect("memory takes every byte")
}
