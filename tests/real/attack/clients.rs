//! Hostile clients of the exporter's web server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore};

/// Number of connections that stay open.
const CONNECTIONS: usize = 400;
/// Address of the clients. Health is requested from another one, as the kubelet does …
const SOURCE: [u8; 4] = [127, 0, 0, 99];
/// … or from this one.
const SOURCE_OF_HEALTH: [u8; 4] = [127, 0, 0, 1];
/// Number of clients that send requests without a pause.
const FLOODING_CLIENTS: usize = 8;

/// Opens connections that send nothing, again whenever the exporter closes one.
pub(super) fn idle(address: &str) -> JoinSet<()> {
    keep_open(SOURCE, address, |_| None)
}

/// The same, from the address that requests health.
pub(super) fn idle_from_here(address: &str) -> JoinSet<()> {
    keep_open(SOURCE_OF_HEALTH, address, |_| None)
}

/// Opens connections that send a header one byte per second.
pub(super) fn dripping(address: &str) -> JoinSet<()> {
    keep_open(SOURCE, address, |at| {
        b"GET / HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            .get(at)
            .copied()
    })
}

/// Sends bytes that are not HTTP.
pub(super) fn garbage(address: &str) -> JoinSet<()> {
    flood(address, b"\x16\x03\x01\x02\x00\x01\x00\x00\x00\x00\r\n\r\n")
}

/// Sends wrong passwords, each once, and hangs up at once.
pub(super) fn passwords(address: &str) -> JoinSet<()> {
    // Equal guesses would be answered from the exporter's cache.
    let guesses = Arc::new(AtomicU32::new(0));
    flood_and_hang_up(address, move || {
        let number = guesses.fetch_add(1, Ordering::Relaxed);
        let credentials = STANDARD.encode(format!("prometheus:guess {number}"));
        format!("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\n\r\n")
            .into_bytes()
    })
}

/// Begins TLS handshakes, which the exporter has to sign.
pub(super) fn handshakes(address: &str) -> JoinSet<()> {
    let config = ClientConfig::builder()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from("exporter").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    flood(address, &hello)
}

/// Requests every page without a pause.
pub(super) fn requests(address: &str) -> JoinSet<()> {
    flood(
        address,
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
}

async fn connect(source: [u8; 4], address: &str) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((source, 0)))?;
    let address = address.parse().map_err(io::Error::other)?;
    socket.connect(address).await
}

fn keep_open(source: [u8; 4], address: &str, byte: fn(usize) -> Option<u8>) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let address = address.to_owned();
        clients.spawn(async move {
            loop {
                let Ok(mut stream) = connect(source, &address).await else {
                    sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let mut answer = [0; 1024];
                for at in 0.. {
                    if let Some(byte) = byte(at)
                        && stream.write_all(&[byte]).await.is_err()
                    {
                        break;
                    }
                    tokio::select! {
                        read = stream.read(&mut answer) => if !matches!(read, Ok(1..)) { break },
                        () = sleep(Duration::from_secs(1)) => {}
                    }
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
    }
    clients
}

fn flood(address: &str, request: &[u8]) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for _ in 0..FLOODING_CLIENTS {
        let (address, request) = (address.to_owned(), request.to_vec());
        clients.spawn(async move {
            loop {
                if let Ok(mut stream) = connect(SOURCE, &address).await {
                    let mut answer = Vec::new();
                    // The exporter may close the connection at any time.
                    let _ = stream.write_all(&request).await;
                    let _ = stream.read_to_end(&mut answer).await;
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
    }
    clients
}

/// Sends a request on each connection and closes it without waiting for the response.
fn flood_and_hang_up(
    address: &str,
    request: impl Fn() -> Vec<u8> + Clone + Send + 'static,
) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for _ in 0..FLOODING_CLIENTS {
        let (address, request) = (address.to_owned(), request.clone());
        clients.spawn(async move {
            loop {
                if let Ok(mut stream) = connect(SOURCE, &address).await {
                    // The exporter may close the connection at any time.
                    let bytes = request();
                    let _ = stream.write_all(&bytes).await;
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
    }
    clients
}
