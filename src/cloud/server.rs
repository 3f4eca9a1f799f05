//! A metadata server, asked in the clear and on one connection, through a proxy where the agent would use one.

use http::HeaderMap;

use crate::catalogue::FailureMode;
use crate::config::proxy::Proxy;
use crate::net::{Answer, Connection, Resolver, Route, authority};
use crate::report::{Finding, Trail};

/// A metadata server on the way of one attempt.
#[derive(Debug)]
pub struct MetadataServer<'a> {
    route: Route,
    prefix: &'a str,
    resolver: &'a Resolver,
    trail: &'a Trail,
    connection: Option<Connection>,
}

impl<'a> MetadataServer<'a> {
    /// The server behind a route that speaks plain HTTP; `prefix` stands before every path.
    pub fn new(route: Route, prefix: &'a str, resolver: &'a Resolver, trail: &'a Trail) -> Self {
        Self {
            route,
            prefix,
            resolver,
            trail,
            connection: None,
        }
    }

    /// Whether a proxy stands on the way, which may answer in the server's place.
    pub fn is_proxied(&self) -> bool {
        self.route.proxy.is_some()
    }

    /// Sends a GET.
    ///
    /// # Errors
    /// No answer could be read: `unreachable`, with the trouble on the way in the evidence.
    pub async fn get(
        &mut self,
        path: &str,
        headers: HeaderMap,
        unreachable: FailureMode,
    ) -> Result<Answer, Finding> {
        let lost = |finding: Finding| {
            Finding::new(
                unreachable,
                format!("{} ({})", finding.evidence, finding.mode),
            )
        };
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self
                .route
                .open(self.resolver, self.trail)
                .await
                .map_err(lost)?,
        };
        let path = format!("{}{path}", self.prefix);
        let answer = connection
            .get(self.resolver, &path, headers, self.trail)
            .await
            .map_err(lost)?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

/// What to say of a proxy on the way to a metadata server: the agent's own environment sends its requests there.
pub fn detour(proxy: Option<&Proxy>, host: &str) -> Option<String> {
    let proxy = proxy?;
    let at = authority(&proxy.host, proxy.port);
    Some(format!(
        "asked through the proxy {at}, because the agent's HTTP_PROXY holds for {host} as well: put {host} into NO_PROXY"
    ))
}
