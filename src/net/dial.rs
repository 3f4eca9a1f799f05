//! Opens a connection to a target: all phases before the request, in order.

use std::net::{IpAddr, SocketAddr};

use ::http::Uri;
use tokio::net::TcpStream;

use crate::catalogue::{FailureMode, Phase};
use crate::net::tls::trust::PkiScope;
use crate::net::{
    Connection, PhaseError, Resolver, Target, Transport, Trust, connect, proxy, resolve, tls,
};
use crate::report::{Finding, PhaseTimer};

impl Target {
    /// Opens a connection that is ready for requests.
    ///
    /// The timer keeps the phases even if this future is dropped.
    ///
    /// # Errors
    /// The finding of the first phase that failed.
    pub async fn open(
        &self,
        resolver: &Resolver,
        timer: &PhaseTimer,
    ) -> Result<Connection, Finding> {
        let (host, port) = self
            .proxy
            .as_ref()
            .map_or((self.host.as_str(), self.port), |proxy| {
                (&proxy.host, proxy.port)
            });
        let connected = self.connect(resolver, host, port, timer).await;
        let (stream, peer) = match &self.proxy {
            None => connected?,
            Some(proxy) => connected.map_err(|finding| proxy::unreachable(proxy, &finding))?,
        };
        let mut transport = Transport::plain(stream);
        let Some(trust) = &self.trust else {
            return self.open_plain(transport, peer, timer).await;
        };
        if let Some(proxy) = &self.proxy {
            let limit = self.timeouts.of_probe(Phase::Proxy);
            let act = proxy::tunnel(transport, proxy, trust, (&self.host, self.port), limit);
            let on_timeout = |limit| proxy::timed_out(proxy, "respond to CONNECT", limit);
            transport = self.run_phase(Phase::Proxy, timer, act, on_timeout).await?;
        }
        let name = self.server_name.as_deref().unwrap_or(&self.host);
        let (counting, received) = transport.counting();
        let act = tls::handshake(counting, received.clone(), trust, name, timer);
        let on_timeout = |limit| {
            tls::timed_out(
                &self.authority(),
                self.proxy.as_ref(),
                received.count(),
                limit,
            )
        };
        let (transport, certificate) = self.run_phase(Phase::Tls, timer, act, on_timeout).await?;
        Connection::open(transport, self.clone(), peer, certificate, None, timer).await
    }

    /// Opens a connection for plain HTTP, directly or through a forwarding proxy.
    async fn open_plain(
        &self,
        mut transport: Transport,
        peer: SocketAddr,
        timer: &PhaseTimer,
    ) -> Result<Connection, Finding> {
        let Some(proxy) = &self.proxy else {
            return Connection::open(transport, self.clone(), peer, None, None, timer).await;
        };
        if proxy.tls {
            let act = async {
                // A plain-HTTP target has no trust settings that could apply to the proxy.
                let system = Trust::system(PkiScope::Public).map_err(|error| {
                    PhaseError::failed(
                        FailureMode::ProxyUnreachable,
                        format!("proxy {}: {error}", proxy.host),
                    )
                })?;
                proxy::secured(transport, proxy, &system).await
            };
            let on_timeout = |limit| proxy::timed_out(proxy, "complete the TLS handshake", limit);
            transport = self.run_phase(Phase::Proxy, timer, act, on_timeout).await?;
        }
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.authority())
            .path_and_query("/")
            .build()
            .ok();
        Connection::open(transport, self.clone(), peer, None, uri, timer).await
    }

    /// Resolves the host and opens a TCP connection to one of its addresses.
    async fn connect(
        &self,
        resolver: &Resolver,
        host: &str,
        port: u16,
        timer: &PhaseTimer,
    ) -> Result<(TcpStream, SocketAddr), Finding> {
        let addresses = if let Ok(address) = host.parse::<IpAddr>() {
            vec![address]
        } else {
            let on_timeout = |limit| resolve::timed_out(host, resolver, limit);
            self.run_phase(Phase::Resolve, timer, resolver.resolve(host), on_timeout)
                .await?
        };
        let addresses: Vec<_> = addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect();
        let failures = connect::FailedAddresses::default();
        let on_timeout = |limit| connect::timed_out(&addresses, &failures, limit);
        let act = connect::connect(&addresses, &failures);
        self.run_phase(Phase::Connect, timer, act, on_timeout).await
    }
}
