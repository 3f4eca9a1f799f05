//! Tests of connection limits: slow, silent, greedy and malformed clients, and shutdown.

use std::time::{Duration, Instant};

use castai_health_exporter::server::Handlers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{PATIENCE, Running, views, web};

/// Waits until the server closes the connection and returns the bytes received before.
async fn until_cut(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset also closes the connection.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .expect("it is cut in time");
    said
}

#[tokio::test]
async fn who_sends_headers_slowly_or_none_is_cut_and_holds_up_nobody() {
    let server = Running::start(&web(), views());
    let mut slow = server.connect().await;
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost:")
        .await
        .unwrap();
    let mut silent = server.connect().await;
    let began = Instant::now();
    assert_eq!(server.get("/metrics").await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(2));
    until_cut(&mut slow).await;
    until_cut(&mut silent).await;
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn more_silent_clients_than_there_are_places_delay_a_scrape_by_seconds_only() {
    let server = Running::start(&web(), views());
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
async fn headers_beyond_the_bound_are_refused() {
    let server = Running::start(&web(), views());
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        .await
        .unwrap();
    let _ = stream.write_all(&vec![b'x'; 64 * 1024]).await;
    let said = until_cut(&mut stream).await;
    assert!(
        said.is_empty() || said.starts_with(b"HTTP/1.1 431"),
        "{}",
        String::from_utf8_lossy(&said)
    );
    assert_eq!(server.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn a_body_is_not_read() {
    let server = Running::start(&web(), views());
    let mut stream = server.connect().await;
    let request = b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let said = until_cut(&mut stream).await;
    assert!(
        said.starts_with(b"HTTP/1.1 403"),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[tokio::test]
async fn noise_ends_its_own_connection_only() {
    let server = Running::start(&web(), views());
    for noise in [
        b"\x16\x03\x01\x02\x00\x01\x00".as_slice(),
        b"\0\0\0\0\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\r\n\r\n\r\n",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(noise).await.unwrap();
        stream.shutdown().await.unwrap();
        until_cut(&mut stream).await;
    }
    assert_eq!(server.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn a_view_that_panics_ends_its_own_connection_only() {
    let server = Running::start(
        &web(),
        Handlers {
            status_json: Box::new(|| panic!("on purpose")),
            ..views()
        },
    );
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(until_cut(&mut stream).await.is_empty());
    assert_eq!(server.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn the_end_comes_within_a_second_even_with_clients_that_hang() {
    let server = Running::start(&web(), views());
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
        "nobody listens any more"
    );
    until_cut(&mut hanging).await;
}
