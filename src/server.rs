//! The exporter as others reach it: HTTP/1.1, with TLS and passwords where they are asked for.
//!
//! * `GET /` — the status page.
//! * `GET /metrics` — everything for Prometheus, text format 0.0.4.
//! * `GET /api/v1/status` — the same as JSON.
//! * `GET /runbooks/<AlertName>` — a runbook, Markdown; `.md` may follow the name.
//! * `GET /-/healthy` — 200 while the process answers.
//! * `GET /-/ready` — 200 once every check had its first verdict, 503 and the reason before.
//! * `POST /-/reload`, `PUT /-/reload` — reads the configuration again; 403 unless it is enabled, 500 and the problems
//!   when it makes no sense.
//!
//! `HEAD` works wherever `GET` does. All routes stand below the route prefix. With passwords in the web
//! configuration, every route asks for one, `/-/healthy` included, as with the exporter-toolkit.
//!
//! Invariant: it serves [`Views`] and knows neither board nor scheduler. A connection carries one request, is bounded
//! in time and size, and cannot hold up another.

mod access;
mod answer;
mod auth;
mod connection;
pub mod page;
mod route;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use access::Access;
use page::Page;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::config::{Problems, Web};

/// Connections at a time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 64;
/// How long requests in progress may still take after the end was asked for.
const GRACE: Duration = Duration::from_millis(700);
/// A pause after the kernel refused to accept, usually for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// What is served: functions of whatever the caller knows.
pub struct Views {
    /// The text for Prometheus.
    pub metrics: Box<dyn Fn() -> Vec<u8> + Send + Sync>,
    /// The JSON document.
    pub status_json: Box<dyn Fn() -> Vec<u8> + Send + Sync>,
    /// What the status page shows.
    pub page: Box<dyn Fn() -> Page + Send + Sync>,
    /// Whether every check had its first verdict; else what is still missing.
    pub ready: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// The runbook of an alert.
    pub runbook: Runbooks,
    /// Who reads the configuration again; the answer comes back on the inner channel. `None` where this is disabled.
    pub reload: Option<Reload>,
}

/// From the name of an alert to the text of its runbook.
pub type Runbooks = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Asks for the configuration to be read again; the problems come back.
pub type Reload = mpsc::Sender<oneshot::Sender<Result<(), String>>>;

/// Listening, but not answering yet.
#[derive(Debug)]
pub struct Bound {
    listeners: Vec<TcpListener>,
    access: Access,
    prefix: String,
}

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the kernel says.
        source: io::Error,
    },
    /// The web configuration makes no sense.
    #[error("{0}")]
    Config(Problems),
}

/// What all connections share.
struct Shared {
    views: Views,
    access: Access,
    prefix: String,
}

/// Takes the addresses; what cannot work is found here, before anything else is started.
pub fn bind(web: &Web) -> Result<Bound, BindError> {
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
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).or_else(|error| {
        // `[::]` stands for every address; without IPv6 those are the ones of IPv4.
        let unspecified = address.is_ipv6() && address.ip().is_unspecified();
        if unspecified && error.kind() != io::ErrorKind::AddrInUse {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).map_err(|_| error)
        } else {
            Err(error)
        }
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Bound {
    /// The addresses, with the ports that the kernel chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }

    /// Answers until `stop` resolves, and at most a second longer.
    pub async fn serve(self, views: Views, stop: impl Future<Output = ()>) -> io::Result<()> {
        let shared = Arc::new(Shared {
            views,
            access: self.access,
            prefix: self.prefix,
        });
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let (ending, _) = watch::channel(false);
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            accepting.spawn(accept(
                listener,
                Arc::clone(&shared),
                Arc::clone(&permits),
                ending.subscribe(),
            ));
        }
        stop.await;
        ending.send_replace(true);
        accepting.join_all().await;
        Ok(())
    }
}

/// Accepts until the end is asked for, then waits for what is in progress.
async fn accept(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
    mut ending: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let watching = ending.clone();
    let next = async || {
        let permit = Arc::clone(&permits).acquire_owned().await;
        (listener.accept().await, permit)
    };
    loop {
        tokio::select! {
            () = connection::ended(&mut ending) => break,
            Some(_) = connections.join_next() => {}
            (accepted, permit) = next() => match accepted {
                Ok((stream, peer)) => {
                    let (shared, ending) = (Arc::clone(&shared), watching.clone());
                    connections.spawn(async move {
                        if let Err(why) = connection::serve(stream, &shared, ending).await {
                            tracing::debug!(%peer, why, "connection ended early");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    // What takes longer ends with the set.
    let _ = tokio::time::timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Views")
            .field("reload", &self.reload.is_some())
            .finish_non_exhaustive()
    }
}
