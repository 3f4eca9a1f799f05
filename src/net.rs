//! The way to a target, phase by phase, so that a name, a connection, a handshake and an answer are never one error.
//!
//! Each phase is a file: the act, and a pure `diagnose` that turns its outcome into a failure mode.
//! Every attempt resolves, connects and shakes hands anew.

pub mod certificate;
pub mod connect;
pub mod deadlines;
pub mod gathering_socket;
pub mod http;
pub mod proxy;
pub mod resolve;
pub mod tls;
pub mod transport;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ::http::Uri;
pub use certificate::Certificate;
pub use http::stream::{Opened, Stream};
pub use http::{Answer, Connection};
pub use resolve::Resolver;
pub use tls::Trust;
use tokio::time::timeout;
pub use transport::Transport;

use crate::catalogue::{FailureMode, Limits, Phase};
use crate::config::proxy::Proxy;
use crate::report::{Ended, Finding, Trail};

/// The name under which every request of ours introduces itself.
pub const USER_AGENT: &str = concat!("castai-health-exporter/", env!("CARGO_PKG_VERSION"));

/// Where a target is, and how to go there.
#[derive(Clone, Debug)]
pub struct Route {
    /// A name, or an address (an IPv6 address without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whom to trust; `None` speaks plain HTTP.
    pub trust: Option<Arc<Trust>>,
    /// The name that the certificate must bear, when it is not `host`.
    pub server_name: Option<String>,
    /// The proxy on the way.
    pub proxy: Option<Proxy>,
    /// How long the agent waits, from which ours follows.
    pub limits: Limits,
}

/// A phase that did not end well, and how it ended.
#[derive(Debug)]
pub struct Stop {
    /// What is wrong.
    pub finding: Finding,
    /// Whether it was refused or its time was up.
    pub ended: Ended,
}

impl Stop {
    /// It was refused or broken.
    pub fn failed(mode: FailureMode, evidence: String) -> Self {
        Self {
            finding: Finding::new(mode, evidence),
            ended: Ended::Failed,
        }
    }

    /// Its time was up.
    pub fn timed_out(mode: FailureMode, evidence: String) -> Self {
        Self {
            finding: Finding::new(mode, evidence),
            ended: Ended::TimedOut,
        }
    }
}

impl Route {
    /// The target as people know it.
    pub fn target(&self) -> String {
        authority(&self.host, self.port)
    }

    /// Goes there, up to a connection on which a request can be sent.
    ///
    /// # Errors
    /// The first phase that did not end well. The trail keeps the phases, also when this future is dropped.
    pub async fn open(&self, resolver: &Resolver, trail: &Trail) -> Result<Connection, Finding> {
        let (host, port) = self
            .proxy
            .as_ref()
            .map_or((self.host.as_str(), self.port), |proxy| {
                (&proxy.host, proxy.port)
            });
        let reached = self.reach(resolver, host, port, trail).await;
        let (stream, peer) = match &self.proxy {
            None => reached?,
            Some(proxy) => reached.map_err(|finding| proxy::unreachable(proxy, &finding))?,
        };
        let mut transport = Transport::plain(stream);
        let Some(trust) = &self.trust else {
            return self.open_plain(transport, peer, trail).await;
        };
        if let Some(proxy) = &self.proxy {
            let limit = self.limits.ours(Phase::Proxy);
            let act = proxy::tunnel(transport, proxy, trust, (&self.host, self.port), limit);
            let hung = |limit| proxy::unanswered(proxy, "answer CONNECT", limit);
            transport = self.phase(Phase::Proxy, trail, act, hung).await?;
        }
        let name = self.server_name.as_deref().unwrap_or(&self.host);
        let (counted, received) = transport.counted();
        let act = tls::handshake(counted, received.clone(), trust, name, trail);
        let hung = |limit| tls::hung(&self.target(), received.bytes(), limit);
        let (transport, certificate) = self.phase(Phase::Tls, trail, act, hung).await?;
        Connection::open(transport, self.clone(), peer, certificate, None, trail).await
    }

    /// Plain HTTP, perhaps through a proxy that forwards it.
    async fn open_plain(
        &self,
        mut transport: Transport,
        peer: SocketAddr,
        trail: &Trail,
    ) -> Result<Connection, Finding> {
        let Some(proxy) = &self.proxy else {
            return Connection::open(transport, self.clone(), peer, None, None, trail).await;
        };
        if proxy.tls {
            let act = async {
                // The target tells of nobody to trust.
                let system = Trust::system(tls::Place::Public).map_err(|error| {
                    Stop::failed(
                        FailureMode::ProxyUnreachable,
                        format!("proxy {}: {error}", proxy.host),
                    )
                })?;
                proxy::secured(transport, proxy, &system).await
            };
            let hung = |limit| proxy::unanswered(proxy, "finish the TLS handshake", limit);
            transport = self.phase(Phase::Proxy, trail, act, hung).await?;
        }
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.target())
            .path_and_query("/")
            .build()
            .ok();
        Connection::open(transport, self.clone(), peer, None, uri, trail).await
    }

    async fn reach(
        &self,
        resolver: &Resolver,
        host: &str,
        port: u16,
        trail: &Trail,
    ) -> Result<(tokio::net::TcpStream, SocketAddr), Finding> {
        let addresses = if let Ok(address) = host.parse::<IpAddr>() {
            vec![address]
        } else {
            let hung = |limit| resolve::unanswered(host, resolver, limit);
            self.phase(Phase::Resolve, trail, resolver.resolve(host), hung)
                .await?
        };
        let addresses: Vec<_> = addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect();
        let failures = connect::Failures::default();
        let hung = |limit| connect::unanswered(&addresses, &failures, limit);
        self.phase(
            Phase::Connect,
            trail,
            connect::connect(&addresses, &failures),
            hung,
        )
        .await
    }

    /// Runs one phase within its limit and marks it on the trail.
    pub(crate) async fn phase<T>(
        &self,
        phase: Phase,
        trail: &Trail,
        act: impl Future<Output = Result<T, Stop>>,
        on_time_out: impl FnOnce(Duration) -> Finding,
    ) -> Result<T, Finding> {
        let limit = self.limits.ours(phase);
        trail.begin(phase);
        match timeout(limit, act).await {
            Ok(Ok(value)) => {
                trail.end(Ended::Done);
                Ok(value)
            }
            Ok(Err(stop)) => {
                trail.end(stop.ended);
                Err(stop.finding)
            }
            Err(_elapsed) => {
                trail.end(Ended::TimedOut);
                Err(on_time_out(limit))
            }
        }
    }
}

/// `host:port`, an IPv6 address in brackets.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
