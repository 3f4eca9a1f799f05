//! An HTTP proxy that knows CONNECT, and every way in which such proxies stand in the way.

mod middleman;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use middleman::Middleman;

use crate::base64;
use crate::journal::lock;
use crate::pki::Pki;
use crate::server::Server;
use crate::vocabulary::vocabulary;

vocabulary! {
    /// What the proxy can do wrong.
    ProxyFault {
        /// Nothing listens.
        Refused = "refused",
        /// SYN stays unanswered.
        TcpHang = "tcp-hang",
        /// RST as soon as the connection is accepted.
        Reset = "reset",
        /// FIN as soon as the connection is accepted.
        Close = "close",
        /// FIN instead of an answer to CONNECT.
        HttpClose = "http-close",
        /// 407: it wants credentials, whatever is sent.
        AuthRequired = "407",
        /// 403: the host is not on its list.
        Denied = "403",
        /// 502: it does not reach the target.
        BadGateway = "502",
        /// 403 with Squid's page and headers.
        Squid = "squid",
        /// The CONNECT is read and never answered.
        Hang = "hang",
        /// The tunnel opens and swallows everything.
        TunnelHang = "tunnel-hang",
        /// The tunnel opens and ends at once.
        TunnelClose = "tunnel-close",
        /// The tunnel opens and the proxy answers in the target's place, with its own certificate.
        BlockPage = "block-page",
        /// The same, with `Via` and `X-Squid-Error`, and a certificate of the trusted authority.
        BlockPageVia = "block-page-via",
        /// Binary noise instead of an answer.
        Noise = "noise",
        /// A header section without an end.
        EndlessHeaders = "endless-headers",
        /// The answer to CONNECT comes byte by byte, one each second.
        DripHead = "drip-head",
        /// 403 whose page and headers hold escape sequences and markup.
        Hostile = "hostile",
    } with {
        /// The answer to CONNECT comes late.
        Slow(Duration) = "slow" like "6s",
    }
}

/// How a proxy is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The names it can resolve; addresses on loopback need none.
    pub hosts: HashMap<String, IpAddr>,
    /// `user:password`, if it wants them.
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
    /// Starts listening; must be called inside a runtime.
    pub fn start(pki: &Pki, options: Options) -> io::Result<Self> {
        let hosts = Arc::new(Mutex::new(options.hosts));
        let authorization = options
            .credentials
            .map(|plain| format!("Basic {}", base64::padded(plain.as_bytes())));
        let middleman = Middleman {
            hosts: hosts.clone(),
            authorization,
            pki: pki.clone(),
        };
        Ok(Self {
            server: Server::start(options.addr, Arc::new(middleman))?,
            hosts,
        })
    }

    /// Lets it resolve this name.
    pub fn add_host(&self, name: &str, address: IpAddr) {
        lock(&self.hosts).insert(name.to_owned(), address);
    }

    /// The targets of all CONNECTs so far.
    pub fn targets(&self) -> Vec<String> {
        let connects = self
            .journal()
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
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    #[tokio::test]
    async fn it_opens_tunnels_to_loopback_for_those_with_credentials() {
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
        let behind = crate::Impostor::plain([127, 0, 0, 1].into()).unwrap();
        let given = "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n";
        assert!(
            connect(&proxy, behind.addr(), "")
                .await
                .starts_with("HTTP/1.1 407 ")
        );
        assert!(
            connect(&proxy, behind.addr(), given)
                .await
                .starts_with("HTTP/1.1 200 ")
        );
        assert!(
            connect(&proxy, "192.0.2.1:443".parse().unwrap(), given)
                .await
                .starts_with("HTTP/1.1 503 ")
        );
        proxy.set(ProxyFault::Squid).await;
        assert!(
            connect(&proxy, behind.addr(), given)
                .await
                .contains("X-Squid-Error")
        );
        assert_eq!(proxy.targets().len(), 4);
    }
}
