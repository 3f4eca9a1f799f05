//! TLS handshakes, limited because they are expensive and need no authentication.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::server::TlsStream;

use crate::server::cpu_share::CpuShare;
use crate::server::open_connections::ConnectionSlot;

/// Admits TLS handshakes: one at a time, in turn between the clients' addresses, and never for more
/// than a share of a core. A handshake with an RSA key of 4096 bits takes milliseconds.
#[derive(Debug)]
pub(super) struct HandshakeQueue {
    turn: Semaphore,
    cpu: CpuShare,
}

impl Default for HandshakeQueue {
    fn default() -> Self {
        Self {
            turn: Semaphore::new(1),
            cpu: CpuShare::default(),
        }
    }
}

impl HandshakeQueue {
    /// Performs the handshake when it is this connection's turn.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        slot: &ConnectionSlot,
        config: Arc<ServerConfig>,
    ) -> io::Result<TlsStream<TcpStream>> {
        let client_hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        // One client per address takes part, so that a flood from one address delays the others by
        // one handshake each.
        let source_turn = slot.handshake_turn().acquire().await;
        let turn = self.turn.acquire().await;
        self.cpu.available().await;
        let mut handshake = {
            let began = Instant::now();
            // Signs, which is nearly all of the work.
            let handshake = client_hello.into_stream(config);
            self.cpu.charge(began.elapsed());
            pin!(handshake)
        };
        drop((turn, source_turn));
        // After a HelloRetryRequest the signature is made here.
        std::future::poll_fn(|context| {
            let began = Instant::now();
            let polled = handshake.as_mut().poll(context);
            self.cpu.charge(began.elapsed());
            polled
        })
        .await
    }
}
