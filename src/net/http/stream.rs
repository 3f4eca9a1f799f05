//! An answer that is read while it arrives: a long list, or a watch that ends some day.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::{Progress, secrets};
use crate::catalogue::FailureMode;
use crate::net::gathering_socket::Gather;
use crate::net::{Answer, Connection, Resolver, Stop};
use crate::report::{Finding, Trail};

/// What came in answer to a request for a stream.
#[derive(Debug)]
pub enum Opened {
    /// Status 2xx; the body is still to come.
    Stream(Stream),
    /// Another status, with its whole bounded body.
    Refused(Answer),
}

/// The body of an answer, piece by piece. It lives on its connection, which must be kept beside it.
#[derive(Debug)]
pub struct Stream {
    body: Incoming,
    asked: String,
    gather: Gather,
}

impl Connection {
    /// Sends a GET and reads the answer's head, within the limit for an answer.
    ///
    /// A connection that was closed after an earlier answer is opened anew, as by [`Connection::get`].
    ///
    /// # Errors
    /// `http_timeout`, `http_protocol`, `net_reset`; or what stops the way when the connection has to be opened anew.
    pub async fn stream(
        &mut self,
        resolver: &Resolver,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Opened, Finding> {
        if self.used && !self.sender.is_closed() {
            match self.begin(path, headers.clone()).await {
                Err(finding) if finding.mode == FailureMode::NetReset => {}
                opened => return opened,
            }
        }
        if self.used {
            *self = self.route.clone().open(resolver, &Trail::default()).await?;
        }
        self.used = true;
        self.begin(path, headers).await
    }

    async fn begin(&mut self, path: &str, headers: HeaderMap) -> Result<Opened, Finding> {
        let progress = Progress::default();
        let asked = format!("GET {}", path.split('?').next().unwrap_or_default());
        let request = self
            .request(Method::GET, path, headers, Bytes::new())
            .map_err(|error| {
                Finding::new(
                    FailureMode::HttpProtocol,
                    format!("{asked} is not a path that can be asked for ({error})"),
                )
            })?;
        let secrets = secrets(request.headers());
        let (route, target, arrived) = (
            self.route.clone(),
            self.route.target(),
            self.received.bytes(),
        );
        let gather = self.gather.clone();
        let hung = |limit: Duration| progress.clone().hung(&target, &asked, limit);
        let act = async {
            let began = std::time::Instant::now();
            let response = self.sender.send_request(request).await;
            let response = response.map_err(|error| self.broken(&error, &asked, arrived))?;
            if response.status().is_success() {
                return Ok::<_, Stop>(Opened::Stream(Stream {
                    body: response.into_body(),
                    asked: asked.clone(),
                    gather,
                }));
            }
            let answer = Answer::collected(response, began, &progress).await?;
            Ok(Opened::Refused(answer.without(&secrets)))
        };
        route
            .phase(
                crate::catalogue::Phase::Request,
                &Trail::default(),
                act,
                hung,
            )
            .await
    }
}

impl Stream {
    /// Has what comes within this span after a piece be read together, for the rest of this answer.
    pub fn gather(&self, span: Duration) {
        self.gather.set(span);
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// `http_timeout` when nothing came for so long, `http_protocol` when the answer was cut off.
    pub async fn next(&mut self, patience: Duration) -> Result<Option<Bytes>, Finding> {
        loop {
            let Ok(frame) = timeout(patience, self.body.frame()).await else {
                let evidence = format!(
                    "nothing more came in answer to {} for {patience:?}",
                    self.asked
                );
                return Err(Finding::new(FailureMode::HttpTimeout, evidence));
            };
            match frame {
                None => return Ok(None),
                Some(Err(error)) => {
                    let evidence = format!("the answer to {} was cut off ({error})", self.asked);
                    return Err(Finding::new(FailureMode::HttpProtocol, evidence));
                }
                Some(Ok(frame)) => {
                    // Trailers say nothing here.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.gather.set(Duration::ZERO);
    }
}
