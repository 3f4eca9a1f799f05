//! Tests of connection limits: slow, silent, greedy and malformed clients, and shutdown.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use castai_health_exporter::server::Handlers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::{RunningServer, TIMEOUT, fixed_handlers, web};

/// Deadline of a health probe; silent clients hold a connection for five seconds.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(4);

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

/// Opens a connection from this loopback address, sends bytes, and holds it until it is closed.
async fn hold_connection(from: [u8; 4], to: SocketAddr, sent: &'static [u8]) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let Ok(mut stream) = socket.connect(to).await else {
        return;
    };
    // The server may have closed it already.
    let _ = stream.write_all(sent).await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn health_and_readiness_respond_under_idle_and_dripping_connections() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let mut clients = JoinSet::new();
    for _ in 0..300 {
        clients.spawn(hold_connection([127, 0, 0, 1], server.address, b""));
        clients.spawn(hold_connection(
            [127, 0, 0, 1],
            server.address,
            b"GET /metr",
        ));
    }
    let healthy = tokio::time::timeout(HEALTH_TIMEOUT, async {
        for path in ["/-/healthy", "/-/ready"] {
            assert_eq!(server.get(path).await.status, 200);
            // Once a client was closed, the server has reached its limit.
            clients.join_next().await.unwrap().unwrap();
        }
    });
    healthy.await.expect("health under idle connections");
}

#[tokio::test]
async fn connection_that_sends_nothing_counts_as_idle() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let mut idle = Vec::new();
    // More than the connections of an address that may have sent something.
    for _ in 0..300 {
        idle.push(server.connect().await);
    }
    // By now all others were accepted.
    assert_eq!(server.get("/-/healthy").await.status, 200);
    let open = |stream: &&TcpStream| {
        let read = stream.try_read(&mut [0]);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    assert_eq!(idle.iter().filter(open).count(), idle.len());
}

/// Threads of a flood, and the connections that each opens and keeps open.
const FLOODING_THREADS: usize = 2;
const CONNECTIONS_PER_THREAD: usize = 2500;
const OPEN_PER_THREAD: usize = 300;

/// Opens connections from one address as fast as possible and sends nothing on them.
fn flood_with_idle_connections(to: SocketAddr) -> Vec<std::thread::JoinHandle<()>> {
    let flood = move || {
        let mut open = VecDeque::new();
        for _ in 0..CONNECTIONS_PER_THREAD {
            // The kernel may run out of ports for a while.
            open.extend(std::net::TcpStream::connect(to));
            if open.len() > OPEN_PER_THREAD {
                open.pop_front();
            }
        }
    };
    (0..FLOODING_THREADS)
        .map(|_| std::thread::spawn(flood))
        .collect()
}

#[tokio::test]
async fn health_responds_to_the_address_that_floods_with_idle_connections() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let flood = flood_with_idle_connections(server.address);
    let mut requests = 0;
    while requests < 20 || !flood.iter().all(std::thread::JoinHandle::is_finished) {
        for path in ["/-/healthy", "/-/ready"] {
            let response = tokio::time::timeout(HEALTH_TIMEOUT, server.get(path));
            let response = response.await.expect("a response in time");
            assert_eq!(response.status, 200, "request {requests}");
        }
        requests += 1;
    }
    for thread in flood {
        thread.join().unwrap();
    }
}

#[tokio::test]
async fn clients_that_do_not_read_their_response_are_closed_for_newer_ones() {
    let server = RunningServer::start(
        &web(),
        Handlers {
            metrics: Box::new(|| vec![b'x'; 16 << 20]),
            ..fixed_handlers()
        },
    );
    let mut slow_readers = Vec::new();
    for _ in 0..200 {
        let mut stream = server.connect().await;
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        slow_readers.push(stream);
    }
    let healthy = tokio::time::timeout(HEALTH_TIMEOUT, server.get("/-/healthy"));
    assert_eq!(healthy.await.expect("health").status, 200);
}

#[tokio::test]
async fn flood_from_one_address_closes_only_its_own_connections() {
    let server = RunningServer::start(&web(), fixed_handlers());
    let mut unhurried = server.connect().await;
    unhurried
        .write_all(b"GET /-/healthy HTTP/1.1\r\n")
        .await
        .unwrap();
    let mut clients = JoinSet::new();
    for _ in 0..500 {
        clients.spawn(hold_connection([127, 0, 0, 2], server.address, b""));
    }
    for _ in 0..40 {
        clients.join_next().await.unwrap().unwrap();
    }
    unhurried.write_all(b"Host: x\r\n\r\n").await.unwrap();
    let response = read_until_closed(&mut unhurried).await;
    assert!(response.starts_with(b"HTTP/1.1 200"), "{response:?}");
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
