//! A response body that is read as it arrives, such as a long list or a watch.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::pace::Pace;
use super::response::Response;
use crate::catalogue::FailureMode;
use crate::report::Finding;

/// The response to a request for a stream.
#[derive(Debug)]
pub enum StreamResponse {
    /// Status 2xx; the body has yet to arrive.
    Stream(Stream),
    /// Another status, with its complete, bounded body.
    Rejected(Response),
}

/// A response body. Its connection must be kept alive beside it.
#[derive(Debug)]
pub struct Stream {
    body: Incoming,
    request: String,
    pace: Pace,
}

impl Stream {
    pub(super) fn new(body: Incoming, request: String) -> Self {
        Self {
            body,
            request,
            pace: Pace::start(),
        }
    }

    /// Returns the next chunk, or `None` at the end.
    ///
    /// # Errors
    /// `http_timeout` if nothing arrives within `limit`, `http_protocol` if the response is cut
    /// off.
    pub async fn next(&mut self, limit: Duration) -> Result<Option<Bytes>, Finding> {
        loop {
            let Ok(frame) = timeout(limit, self.body.frame()).await else {
                let evidence = format!(
                    "the response to {} stalled: no data for {limit:?}",
                    self.request
                );
                return Err(Finding::new(FailureMode::HttpTimeout, evidence));
            };
            match frame {
                None => return Ok(None),
                Some(Err(error)) => {
                    let evidence =
                        format!("the response to {} was cut off ({error})", self.request);
                    return Err(Finding::new(FailureMode::HttpProtocol, evidence));
                }
                Some(Ok(frame)) => {
                    // Trailers are ignored.
                    if let Ok(data) = frame.into_data() {
                        self.pace.wait(data.len()).await;
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}
