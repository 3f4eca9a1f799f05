//! HTTP responses and their wire format.

use std::fmt::Write as _;

use serde_json::Value;
use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc;

use crate::fault_enum::ClockSkew;

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Chunks streamed after `body`. A streaming response has no `Content-Length`.
    pub(crate) chunks: Option<mpsc::Receiver<Vec<u8>>>,
}

// === impl Response ===

impl Response {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: body.into(),
            chunks: None,
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// Creates a chunked response that lasts until the sender is dropped or the client disconnects.
    pub(crate) fn stream(content_type: &str, chunks: mpsc::Receiver<Vec<u8>>) -> Self {
        let response =
            Self::new(200, content_type, Vec::new()).with_header("Transfer-Encoding", "chunked");
        Self {
            chunks: Some(chunks),
            ..response
        }
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    pub(crate) fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
        );
        Self::new(status, "text/html; charset=UTF-8", body)
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Returns the status line and headers, without the final empty line.
    pub(crate) fn head(&self, skew: ClockSkew) -> String {
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nDate: {}\r\n",
            self.status,
            reason(self.status),
            date(skew)
        );
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").expect("writing to a String never fails");
        }
        head
    }
}

/// Formats the current time, shifted by `skew`, for a `Date` header.
pub(crate) fn date(skew: ClockSkew) -> String {
    let at = OffsetDateTime::now_utc() + Duration::seconds(skew.0);
    let (weekday, month) = (at.weekday().to_string(), at.month().to_string());
    let (weekday, month) = (&weekday[..3], &month[..3]);
    let (hour, minute, second) = at.to_hms();
    format!(
        "{weekday}, {:02} {month} {} {hour:02}:{minute:02}:{second:02} GMT",
        at.day(),
        at.year()
    )
}

/// Formats the time `ago` before now as RFC 3339.
pub(crate) fn rfc3339(ago: Duration) -> String {
    let at = OffsetDateTime::now_utc() - ago;
    let (hour, minute, second) = at.to_hms();
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    format!(
        "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z",
        at.microsecond()
    )
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        412 => "Precondition Failed",
        418 => "I'm a teapot",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}
