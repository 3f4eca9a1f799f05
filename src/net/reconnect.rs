//! Sends requests and, like Go's client, opens a new connection if the server closed the idle one.

use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::catalogue::FailureMode;
use crate::net::{Connection, HttpRequest, Resolver, Response, StreamResponse, Target};
use crate::report::{Finding, PhaseTimer};

impl Connection {
    /// Sends a GET and reads the response, within one and a half times the agent's timeout.
    ///
    /// # Errors
    /// `http_timeout`, `http_protocol`, `net_reset`, or the finding of a phase if the connection
    /// has to be reopened.
    pub async fn get(
        &mut self,
        resolver: &Resolver,
        path: &str,
        headers: HeaderMap,
        timer: &PhaseTimer,
    ) -> Result<Response, Finding> {
        let request = HttpRequest::new(Method::GET, path, headers);
        self.request(resolver, request, timer).await
    }

    /// Sends an idempotent request, which may therefore be sent again, and reads the response.
    ///
    /// # Errors
    /// As [`Connection::get`].
    pub async fn request(
        &mut self,
        resolver: &Resolver,
        request: HttpRequest<'_>,
        timer: &PhaseTimer,
    ) -> Result<Response, Finding> {
        if self.is_reused() {
            match self.send(request.clone(), timer).await {
                Err(finding) if finding.mode == FailureMode::NetReset => {}
                result => return result,
            }
        }
        self.reopen_if_used(resolver, timer).await?;
        self.send(request, timer).await
    }

    /// Sends a GET and reads the head of the response, within one and a half times the agent's
    /// timeout.
    ///
    /// # Errors
    /// As [`Connection::get`].
    pub async fn stream(
        &mut self,
        resolver: &Resolver,
        path: &str,
        headers: HeaderMap,
    ) -> Result<StreamResponse, Finding> {
        if self.is_reused() {
            match self.send_for_stream(path, headers.clone()).await {
                Err(finding) if finding.mode == FailureMode::NetReset => {}
                result => return result,
            }
        }
        self.reopen_if_used(resolver, &PhaseTimer::default())
            .await?;
        self.send_for_stream(path, headers).await
    }

    /// Opens the connection again without a client certificate, if it presents one. The API server
    /// prefers a certificate to a token, so requests with another account's token need this.
    ///
    /// # Errors
    /// The finding of the phase that fails.
    pub async fn drop_client_certificate(&mut self, resolver: &Resolver) -> Result<(), Finding> {
        let trust = self.target().trust.as_ref();
        let without = trust.and_then(|trust| trust.without_identity().transpose());
        let Some(without) = without else {
            return Ok(());
        };
        let trust =
            without.map_err(|error| Finding::new(FailureMode::TlsProtocol, error.to_string()))?;
        let target = Target {
            trust: Some(Arc::new(trust)),
            ..self.target().clone()
        };
        *self = target.open(resolver, &PhaseTimer::default()).await?;
        Ok(())
    }

    async fn reopen_if_used(
        &mut self,
        resolver: &Resolver,
        timer: &PhaseTimer,
    ) -> Result<(), Finding> {
        if self.is_used() {
            *self = self.target().clone().open(resolver, timer).await?;
        }
        Ok(())
    }
}
