//! A client for a metadata server: plain HTTP on one connection, through a proxy if the agent uses
//! one.

use http::HeaderMap;

use crate::catalogue::FailureMode;
use crate::config::agent::proxy::Proxy;
use crate::net::{Connection, Resolver, Response, Target, authority};
use crate::report::{Finding, PhaseTimer};

/// A client for one attempt.
#[derive(Debug)]
pub struct MetadataServer<'a> {
    target: Target,
    prefix: &'a str,
    resolver: &'a Resolver,
    timer: &'a PhaseTimer,
    connection: Option<Connection>,
}

impl<'a> MetadataServer<'a> {
    /// Creates a client for a plain HTTP target; `prefix` is prepended to every path.
    pub fn new(
        target: Target,
        prefix: &'a str,
        resolver: &'a Resolver,
        timer: &'a PhaseTimer,
    ) -> Self {
        Self {
            target,
            prefix,
            resolver,
            timer,
            connection: None,
        }
    }

    /// Returns whether requests go through a proxy, which may respond in place of the server.
    pub fn is_proxied(&self) -> bool {
        self.target.proxy.is_some()
    }

    /// Sends a GET.
    ///
    /// # Errors
    /// The mode `unreachable` if no response was received.
    pub async fn get(
        &mut self,
        path: &str,
        headers: HeaderMap,
        unreachable: FailureMode,
    ) -> Result<Response, Finding> {
        let to_unreachable = |finding: Finding| {
            Finding::new(
                unreachable,
                format!("{} ({})", finding.evidence, finding.mode),
            )
        };
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self
                .target
                .open(self.resolver, self.timer)
                .await
                .map_err(to_unreachable)?,
        };
        let path = format!("{}{path}", self.prefix);
        let response = connection
            .get(self.resolver, &path, headers, self.timer)
            .await
            .map_err(to_unreachable)?;
        self.connection = Some(connection);
        Ok(response)
    }
}

/// Returns a note on the proxy that the agent's environment configures for a metadata server.
pub fn proxy_note(proxy: Option<&Proxy>, host: &str) -> Option<String> {
    let proxy = proxy?;
    let at = authority(&proxy.host, proxy.port);
    Some(format!(
        "requested through the proxy {at}, because the agent's HTTP_PROXY applies to {host} as well: add {host} to NO_PROXY"
    ))
}
