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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;
    use crate::server::open_connections::OpenConnections;

    /// Returns both sides of TLS for the name `exporter`.
    fn tls() -> (Arc<ServerConfig>, TlsConnector) {
        let made = rcgen::generate_simple_self_signed(["exporter".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (Arc::new(server), TlsConnector::from(Arc::new(client)))
    }

    /// Starts a client's handshake, and returns the server's side of the connection.
    async fn connection(connector: &TlsConnector) -> TcpStream {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let name = ServerName::try_from("exporter").unwrap();
        tokio::spawn(connector.connect(name, client));
        listener.accept().await.unwrap().0
    }

    #[tokio::test]
    async fn clients_of_an_address_wait_for_each_other_and_delay_no_other_address() {
        let (config, connector) = tls();
        let queue = HandshakeQueue::default();
        let open = Arc::new(OpenConnections::default());
        let [flooding, other] = [1, 2].map(|last| open.add(IpAddr::from([10, 0, 0, last])));
        let turn = flooding.slot.handshake_turn().acquire().await.unwrap();
        let stream = connection(&connector).await;
        let mut waiting = pin!(queue.handshake(stream, &flooding.slot, Arc::clone(&config)));
        let stream = connection(&connector).await;
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("two handshakes of an address at a time"),
            handshake = queue.handshake(stream, &other.slot, config) => drop(handshake.unwrap()),
        }
        drop(turn);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn one_handshake_signs_at_a_time() {
        let (config, connector) = tls();
        let queue = HandshakeQueue::default();
        let client = Arc::new(OpenConnections::default()).add(IpAddr::from([10, 0, 0, 1]));
        let turn = queue.turn.acquire().await.unwrap();
        let stream = connection(&connector).await;
        // The other client is next in the queue, and does not sign.
        let mut waiting = pin!(queue.handshake(stream, &client.slot, config));
        let source_turn = client.slot.handshake_turn();
        while source_turn.available_permits() > 0 {
            assert!(futures_util::poll!(waiting.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        drop(turn);
        waiting.await.unwrap();
    }
}
