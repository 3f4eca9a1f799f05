//! Rogue server that records everything clients send it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio_rustls::TlsAcceptor;

use crate::fault::Fault;
use crate::mutex::lock;
use crate::pki::{CertificateKind, Pki};
use crate::request_log::RequestLog;
use crate::server::{AcceptedConnection, ConnectionHandler, Server};
use crate::server_certificates::ServerCertificates;
use crate::stalling_stream::StallingStream;

/// A running rogue server.
#[derive(Debug)]
pub struct RogueServer {
    server: Server<Fault>,
    received: Arc<Mutex<Vec<u8>>>,
}

struct Recorder {
    received: Arc<Mutex<Vec<u8>>>,
    /// Presented over TLS. Without it, the server reads plain text.
    certificates: Option<(ServerCertificates, CertificateKind)>,
}

/// Number of bytes to keep.
const MAX_BYTES: usize = 1024 * 1024;

// === impl RogueServer ===

impl RogueServer {
    /// Listens on `ip` without TLS. Requires a tokio runtime.
    pub fn plain(ip: IpAddr) -> io::Result<Self> {
        Self::start(ip, None)
    }

    /// Listens on `ip` with a certificate of this kind for `names`. Requires a tokio runtime.
    pub fn tls(
        ip: IpAddr,
        pki: &Pki,
        kind: CertificateKind,
        mut names: Vec<String>,
    ) -> io::Result<Self> {
        names.push(ip.to_string());
        Self::start(ip, Some((ServerCertificates::new(pki, names), kind)))
    }

    /// Returns the address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Returns the (decrypted) bytes received so far, at most 1 MiB.
    pub fn received(&self) -> Vec<u8> {
        lock(&self.received).clone()
    }

    /// Whether `secret` was received.
    pub fn has_received(&self, secret: &str) -> bool {
        lock(&self.received)
            .windows(secret.len())
            .any(|window| window == secret.as_bytes())
    }

    /// Returns the log of its connections.
    pub fn request_log(&self) -> &RequestLog {
        self.server.request_log()
    }

    fn start(
        ip: IpAddr,
        certificates: Option<(ServerCertificates, CertificateKind)>,
    ) -> io::Result<Self> {
        let received = Arc::default();
        let recorder = Recorder {
            received: Arc::clone(&received),
            certificates,
        };
        Ok(Self {
            server: Server::start(SocketAddr::new(ip, 0), Arc::new(recorder))?,
            received,
        })
    }
}

// === impl Recorder ===

impl ConnectionHandler for Recorder {
    type Fault = Fault;

    fn generic_fault(fault: &Fault) -> Option<&Fault> {
        Some(fault)
    }

    async fn serve(self: Arc<Self>, mut connection: AcceptedConnection<Fault>) -> io::Result<()> {
        if !connection.first_byte().await? {
            return Ok(());
        }
        match &self.certificates {
            None => self.record(&mut connection.stream).await,
            Some((certificates, kind)) => {
                let acceptor = TlsAcceptor::from(certificates.config(*kind));
                let mut stream = acceptor
                    .accept(StallingStream::unlimited(connection.stream))
                    .await?;
                connection
                    .recorder
                    .handshake_completed(stream.get_ref().1.server_name());
                self.record(&mut stream).await
            }
        }
    }
}

impl Recorder {
    async fn record(&self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = stream.read(&mut buffer).await?;
            let mut received = lock(&self.received);
            let room = MAX_BYTES - received.len();
            received.extend(&buffer[..length.min(room)]);
            if length == 0 {
                return Ok(());
            }
        }
    }
}
