//! Requests to the agent's ports.

use std::time::Instant;

use http::HeaderMap;

use crate::catalogue::Phase;
use crate::checks::agent_health::metrics::{AgentMetrics, MetricsParser};
use crate::checks::agent_health::verdict::port_taken;
use crate::checks::agent_health::{AgentEndpoint, AgentHealth};
use crate::net::{Connection, Response, StreamResponse, Target};
use crate::report::{Finding, PhaseTimer};

/// The agent's address inside its own pod.
const LOCALHOST: &str = "127.0.0.1";

impl AgentHealth {
    /// Sends a request to the agent and returns the status and body of its response.
    ///
    /// # Errors
    /// If the port is closed, does not respond, or belongs to another server.
    pub(super) async fn query(&self, port: u16, path: &str) -> Result<(u16, String), Finding> {
        let response = self.get(port, path).await?;
        let status = response.status.as_u16();
        let body = String::from_utf8_lossy(&response.body).into_owned();
        if body.trim_start().starts_with('<') {
            let context = format!("{path} returned");
            return Err(port_taken(port, &context, status, &body));
        }
        Ok((status, body))
    }

    async fn get(&self, port: u16, path: &str) -> Result<Response, Finding> {
        let mut connection = self.open(self.host(), port).await?;
        connection
            .get(
                &self.context.network.resolver,
                path,
                HeaderMap::new(),
                &PhaseTimer::default(),
            )
            .await
    }

    /// Returns the address of the agent.
    pub(super) fn host(&self) -> &str {
        match &self.endpoint {
            AgentEndpoint::Remote { address, .. } => address,
            AgentEndpoint::Local | AgentEndpoint::Unavailable(_) => LOCALHOST,
        }
    }

    async fn open(&self, host: &str, port: u16) -> Result<Connection, Finding> {
        let target = Target {
            host: host.to_owned(),
            port,
            trust: None,
            server_name: None,
            proxy: None,
            timeouts: self.timeouts,
        };
        target
            .open(&self.context.network.resolver, &PhaseTimer::default())
            .await
    }

    /// Streams the metrics of an agent line by line. Agents before v0.85 have none.
    pub(super) async fn read_metrics(&self, host: &str, port: u16) -> Option<AgentMetrics> {
        let (began, limit) = (Instant::now(), self.timeouts.of_probe(Phase::Request));
        let mut connection = self.open(host, port).await.ok()?;
        let opened = connection
            .stream(&self.context.network.resolver, "/metrics", HeaderMap::new())
            .await
            .ok()?;
        let StreamResponse::Stream(mut stream) = opened else {
            return None;
        };
        let mut parser = MetricsParser::default();
        while let Some(bytes) = stream
            .next(limit.saturating_sub(began.elapsed()))
            .await
            .ok()?
        {
            parser.feed(&bytes)?;
        }
        Some(parser.finish())
    }
}
