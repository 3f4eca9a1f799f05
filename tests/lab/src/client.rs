//! A client for the lab's own tests: one request, and what came of it.

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

/// Trusts the authority of this world; `name` is a DNS name or an address.
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

/// Everything that is answered to a GET, within a second.
pub(crate) async fn get(
    pki: &Pki,
    addr: SocketAddr,
    name: &str,
    path: &str,
    headers: &str,
) -> io::Result<String> {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n{headers}\r\n");
    within_a_second(async { ask(connect(pki, addr, name).await?, request.as_bytes()).await }).await
}

/// Everything that is answered to a GET in the clear, within a second.
pub(crate) async fn get_plain(addr: SocketAddr, path: &str, headers: &str) -> io::Result<String> {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{headers}\r\n");
    within_a_second(async { ask(TcpStream::connect(addr).await?, request.as_bytes()).await }).await
}

/// Everything that is answered to this request in the clear, within a second.
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
    within_a_second(async { ask(TcpStream::connect(addr).await?, &bytes).await }).await
}

async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
) -> io::Result<String> {
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn within_a_second(exchange: impl Future<Output = io::Result<String>>) -> io::Result<String> {
    timeout(Duration::from_secs(1), exchange)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
