//! The administrator's access to the API: one `kubectl proxy` per API server, so that a request costs
//! no new process.

use std::process::Stdio;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::cluster::{ApiServer, Cluster};

/// Time that a healthy API server on a busy machine takes at most.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const JSON: &str = "application/json";
/// Runs a program until standard input closes, so that a test that is killed leaves nothing behind.
const UNTIL_EOF: &str = r#""$@" & read _; kill $!"#;
const STARTED: &str = "Starting to serve on ";

/// Access to each API server.
pub(in crate::cluster) struct Admin {
    proxies: Vec<Proxy>,
}

struct Proxy {
    address: String,
    _process: Child,
}

/// A request that changes an object.
#[derive(Clone, Copy)]
pub(in crate::cluster) enum Change<'a> {
    Create(&'a Value),
    /// A merge patch.
    Patch(&'a Value),
    /// Without a grace period.
    Delete,
}

impl Admin {
    pub(in crate::cluster) async fn start(cluster: &Cluster) -> Self {
        let mut proxies = Vec::new();
        for server in cluster.api_servers() {
            proxies.push(Proxy::start(cluster, server).await);
        }
        Self { proxies }
    }

    /// Reads an object; `None` if it does not exist, or if the API server does not answer.
    pub(in crate::cluster) async fn get(&self, server: usize, path: &str) -> Option<Value> {
        self.send(server, "GET", path, JSON, None).await.ok()
    }

    /// Changes an object.
    ///
    /// # Errors
    /// The API server's answer.
    pub(in crate::cluster) async fn try_change(
        &self,
        server: usize,
        path: &str,
        change: Change<'_>,
    ) -> Result<Value, String> {
        let (method, kind, body) = match change {
            Change::Create(object) => ("POST", JSON, Some(object)),
            Change::Patch(change) => ("PATCH", "application/merge-patch+json", Some(change)),
            Change::Delete => ("DELETE", JSON, None),
        };
        let path = match change {
            Change::Delete => format!("{path}?gracePeriodSeconds=0"),
            Change::Create(_) | Change::Patch(_) => path.to_owned(),
        };
        self.send(server, method, &path, kind, body).await
    }

    /// Changes an object through the first API server.
    pub(in crate::cluster) async fn change(&self, path: &str, change: Change<'_>) {
        let changed = self.try_change(0, path, change).await;
        changed.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    async fn send(
        &self,
        server: usize,
        method: &str,
        path: &str,
        kind: &str,
        body: Option<&Value>,
    ) -> Result<Value, String> {
        let address = &self.proxies[server].address;
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", address)
            .header("content-type", kind)
            .body(Full::new(bytes::Bytes::from(body)))
            .unwrap();
        let exchange = async {
            let stream = TcpStream::connect(address).await?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            Ok::<_, Box<dyn std::error::Error>>((status, body))
        };
        let (status, body) = timeout(REQUEST_TIMEOUT, exchange)
            .await
            .map_err(|_elapsed| "no answer".to_owned())?
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&body);
        if !status.is_success() {
            return Err(format!("{status}: {text}"));
        }
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }
}

impl Proxy {
    async fn start(cluster: &Cluster, server: &ApiServer) -> Self {
        let mut process = Command::new("sh")
            .args(["-c", UNTIL_EOF, "sh"])
            .arg(cluster.program())
            .args(["kubectl", "proxy", "--port=0", "--kubeconfig"])
            .arg(cluster.kubeconfig())
            .arg(format!(
                "--server=https://{}:{}",
                server.host,
                ApiServer::PORT
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut line).await.unwrap();
        let address = line.trim().strip_prefix(STARTED);
        Self {
            address: address
                .unwrap_or_else(|| panic!("kubectl proxy: {line}"))
                .to_owned(),
            _process: process,
        }
    }
}
