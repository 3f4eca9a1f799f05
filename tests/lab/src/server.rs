//! A TCP server with a fault that can be changed at run time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time;

use crate::fault::Fault;
use crate::port::Port;
use crate::request_log::{ConnectionRecorder, RequestLog};

/// A running server. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct Server<F> {
    addr: SocketAddr,
    request_log: RequestLog,
    commands: mpsc::Sender<Command<F>>,
    task: AbortHandle,
}

/// Serves the connections of a [`Server`].
pub(crate) trait ConnectionHandler: Send + Sync + 'static {
    /// Faults of this server.
    type Fault: Clone + PartialEq + Send + Sync + 'static;

    /// Returns the generic fault inside `fault`, if it is one.
    fn generic_fault(fault: &Self::Fault) -> Option<&Fault>;

    /// Serves one connection until it is closed.
    fn serve(
        self: Arc<Self>,
        connection: AcceptedConnection<Self::Fault>,
    ) -> impl Future<Output = io::Result<()>> + Send;
}

/// An accepted connection.
pub(crate) struct AcceptedConnection<F> {
    pub(crate) stream: TcpStream,
    pub(crate) recorder: ConnectionRecorder,
    pub(crate) fault: watch::Receiver<Option<F>>,
}

struct Command<F> {
    fault: Option<F>,
    done: oneshot::Sender<io::Result<()>>,
}

/// Limit of concurrent connections; further ones are closed immediately.
const MAX_CONNECTIONS: usize = 512;
/// Connections are closed after this time.
const MAX_CONNECTION_AGE: Duration = Duration::from_mins(10);

// === impl Server ===

impl<F: Clone + PartialEq + Send + Sync + 'static> Server<F> {
    pub(crate) fn start<H: ConnectionHandler<Fault = F>>(
        addr: SocketAddr,
        handler: Arc<H>,
    ) -> io::Result<Self> {
        let port = Port::open(addr)?;
        let addr = port.addr();
        let request_log = RequestLog::default();
        let (commands, received) = mpsc::channel(1);
        let task = tokio::spawn(run(port, received, request_log.clone(), handler)).abort_handle();
        Ok(Self {
            addr,
            request_log,
            commands,
            task,
        })
    }

    /// Returns the address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the log of its connections and requests.
    pub fn request_log(&self) -> &RequestLog {
        &self.request_log
    }

    /// Injects a fault, effective on return.
    ///
    /// Idle connections that would hide the fault are closed. Connections that already hang stay
    /// open until the client disconnects.
    ///
    /// # Panics
    ///
    /// If the port cannot be reopened.
    pub async fn set(&self, fault: impl Into<F>) {
        self.command(Some(fault.into())).await;
    }

    /// Removes the fault, effective on return.
    ///
    /// # Panics
    ///
    /// If the port cannot be reopened.
    pub async fn heal(&self) {
        self.command(None).await;
    }

    async fn command(&self, fault: Option<F>) {
        let (done, applied) = oneshot::channel();
        if self.commands.send(Command { fault, done }).await.is_ok()
            && let Ok(applied) = applied.await
        {
            applied.unwrap_or_else(|error| panic!("failed to reopen {}: {error}", self.addr));
        }
    }
}

impl<F> Drop for Server<F> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl AcceptedConnection ===

impl<F: Clone> AcceptedConnection<F> {
    /// Returns the current fault.
    pub(crate) fn fault(&mut self) -> Option<F> {
        self.fault.borrow_and_update().clone()
    }

    /// Waits for the client's first byte. Returns false if the client disconnected without sending
    /// one.
    pub(crate) async fn first_byte(&self) -> io::Result<bool> {
        let received = self.stream.peek(&mut [0]).await? > 0;
        if received {
            self.recorder.first_byte();
        }
        Ok(received)
    }
}

async fn run<H: ConnectionHandler>(
    mut port: Port,
    mut commands: mpsc::Receiver<Command<H::Fault>>,
    request_log: RequestLog,
    handler: Arc<H>,
) {
    let (setting, fault) = watch::channel(None);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => {
                let Some(Command { fault, done }) = command else { return };
                let applied = match fault.as_ref().and_then(H::generic_fault) {
                    Some(Fault::Refused) => { port.close(); Ok(()) }
                    Some(Fault::TcpHang) => port.black_hole().await,
                    _ => port.reopen(),
                };
                setting.send_if_modified(|now| std::mem::replace(now, fault) != *now);
                // The receiver is gone if the caller was cancelled.
                let _ = done.send(applied);
            }
            Some(_) = connections.join_next() => {}
            accepted = port.accept() => {
                let accepted_at = Instant::now();
                match accepted {
                    Ok((stream, peer)) if connections.len() < MAX_CONNECTIONS => {
                        let recorder = request_log.open(peer, accepted_at);
                        // Best effort: without TCP_NODELAY, small writes only arrive later.
                        let _ = stream.set_nodelay(true);
                        let connection = AcceptedConnection { stream, recorder: recorder.clone(), fault: fault.clone() };
                        let served = time::timeout(MAX_CONNECTION_AGE, handler.clone().serve(connection));
                        connections.spawn(async move {
                            // Clients may disconnect or send garbage at any time.
                            let _ = served.await;
                            recorder.closed();
                        });
                    }
                    Ok(_) => {}
                    Err(_) => time::sleep(Duration::from_millis(10)).await,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::castai::{CastAi, Options};
    use crate::client::{connect, get};
    use crate::pki::Pki;

    #[tokio::test]
    async fn dropping_a_server_closes_its_connections() {
        let pki = Pki::new("lab");
        let castai = CastAi::start(&pki, Options::default()).unwrap();
        let addr = castai.addr();
        castai.set(Fault::TlsHang).await;
        let mut hung = TcpStream::connect(addr).await.unwrap();
        castai.heal().await;
        let mut idle = connect(&pki, addr, "api.cast.lab").await.unwrap();
        drop(castai);
        assert!(!matches!(hung.read(&mut [0]).await, Ok(1..)));
        assert!(!matches!(idle.read(&mut [0]).await, Ok(1..)));
        assert_eq!(
            TcpStream::connect(addr).await.unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
    }

    #[tokio::test]
    async fn idle_connections_close_when_a_fault_is_set() {
        let pki = Pki::new("lab");
        let castai = CastAi::start(&pki, Options::default()).unwrap();
        let mut idle = connect(&pki, castai.addr(), "api.cast.lab").await.unwrap();
        castai
            .set(Fault::ResponseSlow(Duration::from_millis(1)))
            .await;
        get(&pki, castai.addr(), "api.cast.lab", "/", "")
            .await
            .unwrap();
        castai.set(Fault::Refused).await;
        assert_eq!(
            time::timeout(Duration::from_secs(1), idle.read(&mut [0]))
                .await
                .unwrap()
                .unwrap(),
            0
        );
    }
}
