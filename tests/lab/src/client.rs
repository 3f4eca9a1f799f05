//! Minimal HTTP client for the lab's own tests.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::pki::Pki;
use crate::request::Request;

/// Generous, because many faults are tested concurrently.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Opens a TLS connection that trusts `pki`. `name` is a DNS name or an IP address.
pub(crate) async fn connect(
    pki: &Pki,
    addr: SocketAddr,
    name: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pki.ca_pem().as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let tcp = TcpStream::connect(addr).await?;
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
}

/// Sends a GET over TLS and returns the raw response; times out after three seconds.
pub(crate) async fn get(
    pki: &Pki,
    addr: SocketAddr,
    name: &str,
    path: &str,
    headers: &str,
) -> io::Result<String> {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n{headers}\r\n");
    with_timeout(async { exchange(connect(pki, addr, name).await?, request.as_bytes()).await })
        .await
}

/// Sends a GET over plain HTTP and returns the raw response; times out after three seconds.
pub(crate) async fn get_plain(addr: SocketAddr, path: &str, headers: &str) -> io::Result<String> {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{headers}\r\n");
    with_timeout(async { exchange(TcpStream::connect(addr).await?, request.as_bytes()).await })
        .await
}

/// Sends `request` over plain HTTP and returns the raw response; times out after three seconds.
pub(crate) async fn send(addr: SocketAddr, request: &Request) -> io::Result<String> {
    let Request {
        method,
        target,
        headers,
        body,
    } = request;
    let headers: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let headers = headers.concat();
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    let bytes = [head.as_bytes(), body].concat();
    with_timeout(async { exchange(TcpStream::connect(addr).await?, &bytes).await }).await
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
) -> io::Result<String> {
    stream.write_all(request).await?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

async fn with_timeout(request: impl Future<Output = io::Result<String>>) -> io::Result<String> {
    timeout(TIMEOUT, request)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
