//! A server behind one port: takes connections, and its fault can be changed while it runs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time;

use crate::fault::Fault;
use crate::journal::{Entry, Journal};
use crate::port::Port;

/// A port and the one way in which it misbehaves; dropped, it closes the port and every connection.
#[derive(Debug)]
pub struct Server<F> {
    addr: SocketAddr,
    journal: Journal,
    commands: mpsc::Sender<Command<F>>,
    task: AbortHandle,
}

/// What a server does with the connections it takes.
pub(crate) trait Service: Send + Sync + 'static {
    /// What can go wrong.
    type Fault: Clone + PartialEq + Send + Sync + 'static;

    /// What can go wrong on the way, if it is that.
    fn line(fault: &Self::Fault) -> Option<&Fault>;

    /// Serves one connection from its first byte to its end.
    fn serve(
        self: Arc<Self>,
        visit: Visit<Self::Fault>,
    ) -> impl Future<Output = io::Result<()>> + Send;
}

/// A connection on its way through a server.
pub(crate) struct Visit<F> {
    pub(crate) stream: TcpStream,
    pub(crate) entry: Entry,
    pub(crate) fault: watch::Receiver<Option<F>>,
}

struct Command<F> {
    fault: Option<F>,
    done: oneshot::Sender<io::Result<()>>,
}

/// Connections at a time; more are closed at once.
const CONNECTIONS: usize = 512;
/// How long a connection may last.
const LIFETIME: Duration = Duration::from_mins(10);

// === impl Server ===

impl<F: Clone + PartialEq + Send + Sync + 'static> Server<F> {
    pub(crate) fn start<S: Service<Fault = F>>(
        addr: SocketAddr,
        service: Arc<S>,
    ) -> io::Result<Self> {
        let port = Port::open(addr)?;
        let addr = port.addr();
        let journal = Journal::default();
        let (commands, received) = mpsc::channel(1);
        let task = tokio::spawn(run(port, received, journal.clone(), service)).abort_handle();
        Ok(Self {
            addr,
            journal,
            commands,
            task,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it saw.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Misbehaves from now on; on return it is so.
    ///
    /// Idle connections end if they would hide the fault; what hangs already stays until its client leaves.
    ///
    /// # Panics
    ///
    /// If the kernel refuses to listen again.
    pub async fn set(&self, fault: impl Into<F>) {
        self.command(Some(fault.into())).await;
    }

    /// Behaves from now on.
    ///
    /// # Panics
    ///
    /// If the kernel refuses to listen again.
    pub async fn heal(&self) {
        self.command(None).await;
    }

    async fn command(&self, fault: Option<F>) {
        let (done, applied) = oneshot::channel();
        if self.commands.send(Command { fault, done }).await.is_ok()
            && let Ok(applied) = applied.await
        {
            applied.unwrap_or_else(|error| {
                panic!("{} is reserved for this server: {error}", self.addr)
            });
        }
    }
}

impl<F> Drop for Server<F> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Visit ===

impl<F: Clone> Visit<F> {
    /// The fault of this moment.
    pub(crate) fn fault(&mut self) -> Option<F> {
        self.fault.borrow_and_update().clone()
    }

    /// Waits for the client's first byte; false if it left without.
    pub(crate) async fn first_byte(&self) -> io::Result<bool> {
        let came = self.stream.peek(&mut [0]).await? > 0;
        if came {
            self.entry.first_byte();
        }
        Ok(came)
    }
}

async fn run<S: Service>(
    mut port: Port,
    mut commands: mpsc::Receiver<Command<S::Fault>>,
    journal: Journal,
    service: Arc<S>,
) {
    let (setting, fault) = watch::channel(None);
    let mut visits = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => {
                let Some(Command { fault, done }) = command else { return };
                let applied = match fault.as_ref().and_then(S::line) {
                    Some(Fault::Refused) => { port.close(); Ok(()) }
                    Some(Fault::TcpHang) => port.deafen().await,
                    _ => port.reopen(),
                };
                setting.send_if_modified(|now| std::mem::replace(now, fault) != *now);
                // Nobody waits if the caller was cancelled.
                let _ = done.send(applied);
            }
            Some(_) = visits.join_next() => {}
            accepted = port.accept() => {
                let accepted_at = Instant::now();
                match accepted {
                    Ok((stream, peer)) if visits.len() < CONNECTIONS => {
                        let entry = journal.open(peer, accepted_at);
                        // Small pieces must leave when they are written; without it they only leave later.
                        let _ = stream.set_nodelay(true);
                        let visit = Visit { stream, entry: entry.clone(), fault: fault.clone() };
                        let served = time::timeout(LIFETIME, service.clone().serve(visit));
                        visits.spawn(async move {
                            // A client may leave or talk nonsense at any time.
                            let _ = served.await;
                            entry.ended();
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
    async fn nothing_outlives_a_server() {
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
    async fn an_idle_connection_does_not_hide_a_fault() {
        let pki = Pki::new("lab");
        let castai = CastAi::start(&pki, Options::default()).unwrap();
        let mut idle = connect(&pki, castai.addr(), "api.cast.lab").await.unwrap();
        castai
            .set(Fault::AnswerSlow(Duration::from_millis(1)))
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
