//! A response that has been read completely, with a bounded body.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::redaction::redacted;
use crate::catalogue::FailureMode;
use crate::net::PhaseError;
use crate::report::evidence::quote_body;
use crate::report::{DateSample, Finding};

/// Largest body that is kept, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Largest number of chunks that a body is read in; a server may send one byte per chunk.
const MAX_FRAMES: usize = 4096;

/// A response with a bounded body.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, truncated at 64 KiB.
    pub body: Bytes,
    /// Whether the body was longer.
    pub truncated: bool,
    /// From the first byte of the request to the end of the response headers.
    time_to_headers: Duration,
    /// Local time when the headers were complete.
    received_at: SystemTime,
}

/// The part of a response that has arrived; outlives a cancelled request.
#[derive(Clone, Debug, Default)]
pub(super) struct ResponseProgress(Arc<Mutex<Option<(StatusCode, usize)>>>);

impl ResponseProgress {
    fn record(&self, status: StatusCode, bytes: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((status, bytes));
    }

    /// Returns the finding of a request that timed out.
    pub(super) fn timed_out(self, target: &str, request: &str, limit: Duration) -> Finding {
        let evidence = match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => format!("{target} did not respond to {request} within {limit:?}"),
            Some((status, bytes)) => format!(
                "{target} responded to {request} with status {status} and {bytes} bytes, but did not finish within \
                 {limit:?}"
            ),
        };
        Finding::new(FailureMode::HttpTimeout, evidence)
    }
}

impl Response {
    /// Reads the body of a response after its headers have arrived.
    pub(super) async fn collect(
        response: http::Response<Incoming>,
        began: Instant,
        progress: &ResponseProgress,
    ) -> Result<Self, PhaseError> {
        let time_to_headers = began.elapsed();
        let received_at = SystemTime::now();
        let (parts, body) = response.into_parts();
        progress.record(parts.status, 0);
        let (body, truncated) = read_body(body, parts.status, progress).await?;
        Ok(Self {
            status: parts.status,
            headers: parts.headers,
            body,
            truncated,
            time_to_headers,
            received_at,
        })
    }

    /// Replaces the request's secrets where the response echoes them.
    pub(super) fn redact(mut self, secrets: &[Vec<u8>]) -> Self {
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

    /// Returns a header's value, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the media type without its parameters, in lower case.
    pub fn content_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    }

    /// Parses the body as JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        if self.truncated {
            None
        } else {
            serde_json::from_slice(&self.body).ok()
        }
    }

    /// Returns the beginning of the body in quotes, or the title of an HTML page.
    pub fn quoted(&self) -> String {
        quote_body(&self.body)
    }

    /// Parses the `Date` header.
    pub fn date(&self) -> Option<jiff::Timestamp> {
        Some(
            jiff::fmt::rfc2822::parse(self.header("date")?)
                .ok()?
                .timestamp(),
        )
    }

    /// Compares the `Date` header with the local clock; the header has a resolution of one second
    /// (RFC 9110 §5.6.7).
    pub fn date_sample(&self, source: &'static str) -> Option<DateSample> {
        let server = self.date()?;
        let local = jiff::Timestamp::try_from(self.received_at).ok()?;
        let half_round_trip = self.time_to_headers.as_secs_f64() / 2.0;
        let skew =
            (local.as_duration() - server.as_duration()).as_secs_f64() - half_round_trip - 0.5;
        Some(DateSample {
            source,
            skew,
            uncertainty: half_round_trip + 0.5,
        })
    }
}

async fn read_body(
    mut body: Incoming,
    status: StatusCode,
    progress: &ResponseProgress,
) -> Result<(Bytes, bool), PhaseError> {
    let mut kept = Vec::new();
    for _ in 0..MAX_FRAMES {
        let Some(frame) = body.frame().await else {
            return Ok((kept.into(), false));
        };
        let frame = frame.map_err(|error| {
            let evidence = format!(
                "the response with status {status} was cut off after {} bytes ({error})",
                kept.len()
            );
            PhaseError::failed(FailureMode::HttpProtocol, evidence)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let room = MAX_BODY_BYTES - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        progress.record(status, kept.len());
        if data.len() > room {
            return Ok((kept.into(), true));
        }
    }
    Ok((kept.into(), true))
}
