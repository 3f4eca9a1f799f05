//! The exporter's HTTP/1.1 server, with optional TLS and basic authentication.
//!
//! * `GET /` — the status page.
//! * `GET /metrics` — Prometheus text format 0.0.4.
//! * `GET /api/v1/status` — the same data as JSON.
//! * `GET /api/v1/history` — the changes of the last 24 hours as JSON.
//! * `GET /runbooks/`, `GET /runbooks/<AlertName>` — the runbooks as pages. With `.md` after the
//!   name, a client that does not accept HTML gets the Markdown.
//! * `GET /-/healthy` — 200 while the process responds.
//! * `GET /-/ready` — 200 once every check has a verdict; before that, 503 and the reason.
//! * `POST /-/reload`, `PUT /-/reload` — reloads the configuration; 403 unless enabled, 500 and the
//!   errors if the configuration is invalid.
//!
//! `HEAD` works wherever `GET` does. All routes are below the route prefix. With users in the web
//! configuration, every route requires authentication, including `/-/healthy`, as in the
//! exporter-toolkit, except for `web.open_routes`.
//!
//! Invariant: it serves [`Handlers`] and knows neither state nor scheduler. A connection carries
//! one request, is bounded in time and size, and cannot block another. Clients that are not
//! authenticated occupy a bounded number of connections and a bounded share of a core.

mod auth_policy;
mod basic_auth;
mod connection;
mod cpu_share;
mod handlers;
mod handshake_queue;
mod open_connections;
mod password_checks;
mod rate_limiter;
mod response;
mod route;
mod shared_state;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use auth_policy::Access;
pub use handlers::{Handlers, Reload, Runbooks};
use handshake_queue::HandshakeQueue;
use open_connections::OpenConnections;
use shared_state::Shared;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{ConfigErrors, OpenRoutes, WebSettings};

/// Length of the kernel's queue of connections to accept; the kernel caps it at `somaxconn`.
const BACKLOG: u32 = 4096;
/// Time that requests in progress may take after shutdown was requested.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(700);
/// Number of connections that are closed for newer ones before the server looks at what the newer
/// ones have sent. It is far below the limits, so that none is closed while its request arrives.
const EVICTIONS_WITHOUT_PAUSE: usize = 16;
/// Pause in which the runtime learns which connections have sent something.
const EVICTION_PAUSE: Duration = Duration::from_millis(1);
/// Pause after a failed accept, usually for lack of file descriptors.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// A server that listens but does not accept connections yet.
#[derive(Debug)]
pub struct Bound {
    listeners: Vec<tokio::net::TcpListener>,
    access: Access,
    prefix: String,
    open_routes: OpenRoutes,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An address cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// The kernel's error.
        source: io::Error,
    },
    /// The web configuration is invalid.
    #[error("{0}")]
    Config(ConfigErrors),
}

/// Binds the addresses and reads the web configuration, so that errors surface before anything else
/// starts. Must be called from within the runtime.
pub fn bind(web: &WebSettings) -> Result<Bound, BindError> {
    let access = Access::open(web.config_file.as_deref()).map_err(BindError::Config)?;
    let listeners = web.listen.iter().map(|address| {
        listen(*address).map_err(|source| BindError::Address {
            address: *address,
            source,
        })
    });
    Ok(Bound {
        listeners: listeners.collect::<Result<_, _>>()?,
        access,
        prefix: web.route_prefix.clone(),
        open_routes: web.open_routes,
    })
}

fn listen(address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    listen_at(address).or_else(|error| {
        // `[::]` means all addresses; without IPv6 that means those of IPv4.
        let unspecified = address.is_ipv6() && address.ip().is_unspecified();
        if unspecified && error.kind() != io::ErrorKind::AddrInUse {
            listen_at((Ipv4Addr::UNSPECIFIED, address.port()).into()).map_err(|_| error)
        } else {
            Err(error)
        }
    })
}

fn listen_at(address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // The port of a server that has just stopped can be bound at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Bound {
    /// Returns the bound addresses, with the ports that the kernel chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }

    /// Serves until `stop` resolves, and at most a second longer.
    pub async fn serve(self, handlers: Handlers, stop: impl Future<Output = ()>) -> io::Result<()> {
        let shared = Arc::new(Shared {
            handlers,
            access: self.access,
            prefix: self.prefix,
            open_routes: self.open_routes,
            handshakes: HandshakeQueue::default(),
        });
        let open = Arc::new(OpenConnections::default());
        let (ending, _) = watch::channel(false);
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            accepting.spawn(accept(
                listener,
                Arc::clone(&shared),
                Arc::clone(&open),
                ending.subscribe(),
            ));
        }
        stop.await;
        ending.send_replace(true);
        accepting.join_all().await;
        Ok(())
    }
}

/// Accepts connections until shutdown, then waits for requests in progress.
async fn accept(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    open: Arc<OpenConnections>,
    mut ending: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let watching = ending.clone();
    let (mut accept_failed, mut evictions) = (false, 0);
    loop {
        tokio::select! {
            () = connection::ended(&mut ending) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    accept_failed = false;
                    let (shared, ending) = (Arc::clone(&shared), watching.clone());
                    let admission = open.add(peer.ip());
                    evictions += usize::from(admission.has_evicted);
                    connections.spawn(async move {
                        let served = connection::serve(stream, admission, &shared, ending);
                        if let Err(why) = served.await {
                            tracing::debug!(%peer, why, "connection ended early");
                        }
                    });
                    // A request that has arrived is read before newer connections are accepted.
                    if evictions < EVICTIONS_WITHOUT_PAUSE {
                        tokio::task::yield_now().await;
                    } else {
                        evictions = 0;
                        tokio::time::sleep(EVICTION_PAUSE).await;
                    }
                }
                Err(error) => {
                    if !accept_failed {
                        tracing::warn!(%error, "cannot accept connections; closing idle ones");
                    }
                    accept_failed = true;
                    open.evict();
                    tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    // Dropping the set aborts whatever takes longer.
    let _ = tokio::time::timeout(SHUTDOWN_GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
}
