//! Tests of a daemon with a full log pipe or an endless CA bundle.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use test_support::exporter::program;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Capacity of a pipe on Linux.
const PIPE_BYTES: usize = 64 * 1024;
/// Time within which the daemon must respond.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(15);

/// Starts the daemon on a free port, with this variable and this standard error.
fn start(variable: (&str, &str), stderr: Stdio) -> (Child, SocketAddr) {
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let daemon = Command::new(program())
        .args(["--web.listen-address", &address.to_string()])
        .env_clear()
        .envs([variable])
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn();
    (daemon.unwrap(), address)
}

/// Returns the status of `/-/healthy` once the daemon listens.
async fn health(address: SocketAddr) -> u16 {
    let healthy = async {
        loop {
            if let Ok(mut stream) = TcpStream::connect(address).await {
                return super::request(&mut stream, "GET", "/-/healthy", "").await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let healthy = tokio::time::timeout(HEALTH_TIMEOUT, healthy).await;
    healthy.expect("the daemon is healthy in time").status
}

#[tokio::test]
async fn log_pipe_without_reader_does_not_block_the_daemon() {
    let (_unread, mut pipe) = std::io::pipe().unwrap();
    pipe.write_all(&vec![b'x'; PIPE_BYTES]).unwrap();
    let (_daemon, address) = start(("PROVIDER", "eks"), Stdio::from(pipe));
    assert_eq!(health(address).await, 200);
}

#[tokio::test]
async fn ca_bundle_without_end_is_not_read() {
    let (_daemon, address) = start(("SSL_CERT_FILE", "/dev/zero"), Stdio::null());
    assert_eq!(health(address).await, 200);
}
