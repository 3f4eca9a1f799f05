//! Fake HTTP proxy that supports CONNECT.

mod connect;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connect::ConnectHandler;

use crate::fault_enum::fault_enum;
use crate::mutex::lock;
use crate::pki::Pki;
use crate::server::Server;

fault_enum! {
    /// Faults of the proxy.
    ProxyFault {
        /// Nothing listens.
        Refused = "refused",
        /// SYN stays unanswered.
        TcpHang = "tcp-hang",
        /// RST right after the connection is accepted.
        Reset = "reset",
        /// FIN right after the connection is accepted.
        Close = "close",
        /// FIN instead of a response to CONNECT.
        HttpClose = "http-close",
        /// 407, whatever credentials are sent.
        AuthRequired = "407",
        /// 403: the host is not allowed.
        Denied = "403",
        /// 502: the target is unreachable.
        BadGateway = "502",
        /// 403 with Squid's page and headers.
        Squid = "squid",
        /// The CONNECT is read and never answered.
        Hang = "hang",
        /// The tunnel opens and discards everything.
        TunnelHang = "tunnel-hang",
        /// The tunnel opens and closes immediately.
        TunnelClose = "tunnel-close",
        /// The tunnel opens; the proxy serves a block page with its own certificate.
        BlockPage = "block-page",
        /// A block page with `Via`, `X-Squid-Error` and a trusted certificate.
        BlockPageVia = "block-page-via",
        /// Binary garbage instead of a response.
        Noise = "noise",
        /// The header section is endless.
        EndlessHeaders = "endless-headers",
        /// The response to CONNECT arrives one byte per second.
        DripHead = "drip-head",
        /// 403 with escape sequences and markup in its page and headers.
        Hostile = "hostile",
    } with {
        /// 403 with the request's credentials in this encoding.
        EchoAs(String) = "echo-as" like "base64",
        /// The response to CONNECT is delayed.
        Slow(Duration) = "slow" like "6s",
    }
}

/// Settings of a proxy.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on.
    pub addr: SocketAddr,
    /// Host names that the proxy can resolve. Loopback addresses need no entry.
    pub hosts: HashMap<String, IpAddr>,
    /// Required credentials, as `user:password`.
    pub credentials: Option<String>,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    server: Server<ProxyFault>,
    hosts: Arc<Mutex<HashMap<String, IpAddr>>>,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 30, 1], 0)),
            hosts: HashMap::new(),
            credentials: None,
        }
    }
}

// === impl Proxy ===

impl Proxy {
    /// Starts listening. Requires a tokio runtime.
    pub fn start(pki: &Pki, options: Options) -> io::Result<Self> {
        let hosts = Arc::new(Mutex::new(options.hosts));
        let authorization = options
            .credentials
            .map(|plain| format!("Basic {}", STANDARD.encode(plain)));
        let handler = ConnectHandler {
            hosts: hosts.clone(),
            authorization,
            pki: pki.clone(),
        };
        Ok(Self {
            server: Server::start(options.addr, Arc::new(handler))?,
            hosts,
        })
    }

    /// Adds a host name that the proxy can resolve.
    pub fn add_host(&self, name: &str, address: IpAddr) {
        lock(&self.hosts).insert(name.to_owned(), address);
    }

    /// Returns the targets of all CONNECT requests so far.
    pub fn targets(&self) -> Vec<String> {
        let connects = self
            .request_log()
            .requests()
            .into_iter()
            .filter(|request| request.method == "CONNECT");
        connects.map(|request| request.target).collect()
    }
}

impl Deref for Proxy {
    type Target = Server<ProxyFault>;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn connect(proxy: &Proxy, target: SocketAddr, headers: &str) -> String {
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        stream
            .write_all(format!("CONNECT {target} HTTP/1.1\r\n{headers}\r\n").as_bytes())
            .await
            .unwrap();
        let mut response = vec![0; 4096];
        let length = stream.read(&mut response).await.unwrap();
        String::from_utf8_lossy(&response[..length]).into_owned()
    }

    #[tokio::test]
    async fn tunnels_require_credentials_and_a_loopback_target() {
        let pki = Pki::new("lab");
        let credentials = Some("user:pass".to_owned());
        let proxy = Proxy::start(
            &pki,
            Options {
                credentials,
                ..Options::default()
            },
        )
        .unwrap();
        let target_server = crate::RogueServer::plain([127, 0, 0, 1].into()).unwrap();
        let credentials_header = "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n";
        assert!(
            connect(&proxy, target_server.addr(), "")
                .await
                .starts_with("HTTP/1.1 407 ")
        );
        assert!(
            connect(&proxy, target_server.addr(), credentials_header)
                .await
                .starts_with("HTTP/1.1 200 ")
        );
        assert!(
            connect(&proxy, "192.0.2.1:443".parse().unwrap(), credentials_header)
                .await
                .starts_with("HTTP/1.1 503 ")
        );
        proxy.set(ProxyFault::Squid).await;
        assert!(
            connect(&proxy, target_server.addr(), credentials_header)
                .await
                .contains("X-Squid-Error")
        );
        assert_eq!(proxy.targets().len(), 4);
    }
}
