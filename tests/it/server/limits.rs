//! Tests of connection limits: slow, silent, greedy and malformed clients, and shutdown.

use std::time::{Duration, Instant};

use castai_health_exporter::server::Handlers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{RunningServer, TIMEOUT, fixed_handlers, web};

/// Waits until the server closes the connection and returns the bytes received before.
async fn read_until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut evidence = Vec::new();
    // A reset also closes the connection.
    let _ = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut evidence))
        .await
        .expect("the connection is not closed in time");
    evidence
}

#[tokio::test]
async fn slowloris_is_disconnected_and_delays_no_other_client() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let mut slow = server.connect().await;
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost:")
        .await
        .unwrap();
    let mut silent = server.connect().await;
    let began = Instant::now();
    assert_eq!(server.get("/metrics").await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(2));
    read_until_closed(&mut slow).await;
    read_until_closed(&mut silent).await;
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn silent_clients_above_connection_limit_delay_a_scrape_by_seconds() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(server.connect().await);
    }
    let began = Instant::now();
    assert_eq!(server.get("/metrics").await.status, 200);
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn oversized_headers_are_rejected() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        .await
        .unwrap();
    let _ = stream.write_all(&vec![b'x'; 64 * 1024]).await;
    let evidence = read_until_closed(&mut stream).await;
    assert!(
        evidence.is_empty() || evidence.starts_with(b"HTTP/1.1 431"),
        "{}",
        String::from_utf8_lossy(&evidence)
    );
    assert_eq!(server.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn request_body_is_not_read() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let mut stream = server.connect().await;
    let request = b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let evidence = read_until_closed(&mut stream).await;
    assert!(
        evidence.starts_with(b"HTTP/1.1 403"),
        "{}",
        String::from_utf8_lossy(&evidence)
    );
}

#[tokio::test]
async fn garbage_closes_only_its_own_connection() {
    let server = RunningServer::start(&web(), fixed_handlers());
    for noise in [
        b"\x16\x03\x01\x02\x00\x01\x00".as_slice(),
        b"\0\0\0\0\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\r\n\r\n\r\n",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(noise).await.unwrap();
        stream.shutdown().await.unwrap();
        read_until_closed(&mut stream).await;
    }
    assert_eq!(server.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn handler_panic_closes_only_its_own_connection() {
    let server = RunningServer::start(
        &web(),
        Handlers {
            status_json: Box::new(|| panic!("handler panic")),
            ..fixed_handlers()
        },
    );
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(read_until_closed(&mut stream).await.is_empty());
    assert_eq!(server.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn shutdown_takes_less_than_a_second_with_hanging_clients() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let mut hanging = server.connect().await;
    hanging.write_all(b"GET /").await.unwrap();
    assert_eq!(server.get("/-/healthy").await.status, 200);
    let (address, began) = (server.address, Instant::now());
    server.stop().await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    assert!(
        TcpStream::connect(address).await.is_err(),
        "the port is still open"
    );
    read_until_closed(&mut hanging).await;
}
