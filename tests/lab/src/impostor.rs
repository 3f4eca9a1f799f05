//! A listener that has no business here and writes down everything it is told.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificates;
use crate::fault::Fault;
use crate::journal::{Journal, lock};
use crate::pki::{Certificate, Pki};
use crate::server::{Server, Service, Visit};
use crate::valve::Valve;

/// A running impostor.
#[derive(Debug)]
pub struct Impostor {
    server: Server<Fault>,
    heard: Arc<Mutex<Vec<u8>>>,
}

struct Ear {
    heard: Arc<Mutex<Vec<u8>>>,
    /// With a certificate it is told what is meant for the name, without one only what comes in the clear.
    certificates: Option<(Certificates, Certificate)>,
}

/// Bytes kept.
const LIMIT: usize = 1024 * 1024;

// === impl Impostor ===

impl Impostor {
    /// Listens on `ip` in the clear; must be called inside a runtime.
    pub fn plain(ip: IpAddr) -> io::Result<Self> {
        Self::start(ip, None)
    }

    /// Listens on `ip` with such a certificate for these names; must be called inside a runtime.
    pub fn tls(
        ip: IpAddr,
        pki: &Pki,
        kind: Certificate,
        mut names: Vec<String>,
    ) -> io::Result<Self> {
        names.push(ip.to_string());
        Self::start(ip, Some((Certificates::new(pki, names), kind)))
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Everything it was told so far, at most 1 MiB; inside TLS, what was said inside.
    pub fn heard(&self) -> Vec<u8> {
        lock(&self.heard).clone()
    }

    /// Whether it was told this.
    pub fn has_heard(&self, secret: &str) -> bool {
        lock(&self.heard)
            .windows(secret.len())
            .any(|window| window == secret.as_bytes())
    }

    /// Who came.
    pub fn journal(&self) -> &Journal {
        self.server.journal()
    }

    fn start(ip: IpAddr, certificates: Option<(Certificates, Certificate)>) -> io::Result<Self> {
        let heard = Arc::default();
        let ear = Ear {
            heard: Arc::clone(&heard),
            certificates,
        };
        Ok(Self {
            server: Server::start(SocketAddr::new(ip, 0), Arc::new(ear))?,
            heard,
        })
    }
}

// === impl Ear ===

impl Service for Ear {
    type Fault = Fault;

    fn line(fault: &Fault) -> Option<&Fault> {
        Some(fault)
    }

    async fn serve(self: Arc<Self>, mut visit: Visit<Fault>) -> io::Result<()> {
        if !visit.first_byte().await? {
            return Ok(());
        }
        match &self.certificates {
            None => self.listen(&mut visit.stream).await,
            Some((certificates, kind)) => {
                let acceptor = TlsAcceptor::from(certificates.show(*kind));
                let mut stream = acceptor.accept(Valve::open(visit.stream)).await?;
                visit.entry.handshaken(stream.get_ref().1.server_name());
                self.listen(&mut stream).await
            }
        }
    }
}

impl Ear {
    async fn listen(&self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = stream.read(&mut buffer).await?;
            let mut heard = lock(&self.heard);
            let room = LIMIT - heard.len();
            heard.extend(&buffer[..length.min(room)]);
            if length == 0 {
                return Ok(());
            }
        }
    }
}
