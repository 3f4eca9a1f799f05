//! Tests of the exporter's HTTP server over real sockets.

mod blocked_log;
mod certificates;
mod limits;
mod passwords;
mod routes;
mod tls;
mod toolkit_files;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use castai_health_exporter::config::{OpenRoutes, WebSettings};
use castai_health_exporter::server;
use castai_health_exporter::server::Handlers;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Timeout of every wait in these tests.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A server that runs until it is stopped or dropped.
struct RunningServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
}

/// A parsed response.
#[derive(Debug)]
struct ParsedResponse {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl RunningServer {
    fn start(web: &WebSettings, fixed_handlers: Handlers) -> Self {
        let bound = server::bind(web).expect("no free port on loopback");
        let address = bound.addresses()[0];
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(bound.serve(fixed_handlers, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop: Some(stop),
            served,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address)
            .await
            .expect("the server does not listen")
    }

    /// Sends a request without a body and reads the response to its end.
    async fn request(&self, method: &str, path: &str, headers: &str) -> ParsedResponse {
        let mut stream = self.connect().await;
        request(&mut stream, method, path, headers).await
    }

    async fn get(&self, path: &str) -> ParsedResponse {
        self.request("GET", path, "").await
    }

    async fn stop(mut self) {
        let _ = self
            .stop
            .take()
            .expect("the server is stopped twice")
            .send(());
        self.served
            .await
            .expect("the server panicked")
            .expect("the server failed");
    }
}

impl ParsedResponse {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

async fn request(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    method: &str,
    path: &str,
    headers: &str,
) -> ParsedResponse {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: exporter\r\n{headers}\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the server does not read");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut answer)).await;
    read.expect("no response in time")
        .expect("the response is incomplete");
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("a header section");
    let head = String::from_utf8(answer[..end].to_vec()).expect("headers are text");
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .expect("a status")
        .parse()
        .expect("a number");
    let header = |line: &str| {
        line.split_once(": ")
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
    };
    ParsedResponse {
        status,
        headers: lines.filter_map(header).collect(),
        body: answer[end + 4..].to_vec(),
    }
}

/// Loopback, any port, default limits.
fn web() -> WebSettings {
    WebSettings {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        config_file: None,
        external_url: None,
        route_prefix: String::new(),
        enable_lifecycle: false,
        open_routes: OpenRoutes::default(),
    }
}

fn with_file(path: PathBuf) -> WebSettings {
    WebSettings {
        config_file: Some(path),
        ..web()
    }
}

/// Handlers with fixed responses.
fn fixed_handlers() -> Handlers {
    Handlers {
        metrics: Box::new(|| b"# HELP up Up.\n# TYPE up gauge\nup 1\n".repeat(50)),
        status_json: Box::new(|| Box::pin(async { br#"{"schema_version":1}"#.to_vec() })),
        history_json: Box::new(|| br#"{"begins":null}"#.to_vec()),
        page: Box::new(|| Box::pin(async { b"<!DOCTYPE html><title>Status</title>".to_vec() })),
        runbook_index: Box::new(|| "<!DOCTYPE html><title>Runbooks</title>".to_owned()),
        runbook_page: Box::new(|alert| {
            (alert == "CastaiDown").then(|| "<!DOCTYPE html><title>Castai ⬇</title>".to_owned())
        }),
        content_security_policy: "default-src 'none'",
        ready: Box::new(|| Ok(())),
        runbook: Box::new(|alert| (alert == "CastaiDown").then(|| "# Castai ⬇\n".to_owned())),
        reload: None,
    }
}
