//! What the proxy does with a CONNECT.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::TlsAcceptor;

use super::ProxyFault;
use crate::answer::Answer;
use crate::certificates::Certificates;
use crate::fault::Fault;
use crate::journal::{Entry, lock};
use crate::pki::{Certificate, Pki};
use crate::request::{Request, Unread};
use crate::server::{Service, Visit};
use crate::valve::Valve;
use crate::{reply, web};

/// The proxy behind its port.
pub(super) struct Middleman {
    pub(super) hosts: Arc<Mutex<HashMap<String, IpAddr>>>,
    /// The value of `Proxy-Authorization` that it wants.
    pub(super) authorization: Option<String>,
    pub(super) pki: Pki,
}

// === impl Middleman ===

impl Service for Middleman {
    type Fault = ProxyFault;

    fn line(fault: &ProxyFault) -> Option<&Fault> {
        match fault {
            ProxyFault::Refused => Some(&Fault::Refused),
            ProxyFault::TcpHang => Some(&Fault::TcpHang),
            ProxyFault::Reset => Some(&Fault::Reset),
            ProxyFault::Close => Some(&Fault::Close),
            ProxyFault::HttpClose => Some(&Fault::HttpClose),
            ProxyFault::Noise => Some(&Fault::Noise),
            ProxyFault::EndlessHeaders => Some(&Fault::EndlessHeaders),
            ProxyFault::DripHead => Some(&Fault::DripHead),
            _ => None,
        }
    }

    async fn serve(self: Arc<Self>, mut visit: Visit<ProxyFault>) -> io::Result<()> {
        let fault = visit.fault();
        match &fault {
            Some(ProxyFault::Reset) => return visit.stream.set_zero_linger(),
            Some(ProxyFault::Close) => return web::end(visit.stream).await,
            _ => {}
        }
        if !visit.first_byte().await? {
            return Ok(());
        }
        let mut unread = Unread::default();
        let Some(request) = unread.request(&mut visit.stream).await? else {
            return Ok(());
        };
        visit.entry.request(request.clone());
        if let Some(ProxyFault::Slow(delay)) = &fault {
            time::sleep(*delay).await;
        }
        match fault {
            Some(ProxyFault::Hang) => web::drain(&mut visit.stream).await,
            Some(fault @ (ProxyFault::BlockPage | ProxyFault::BlockPageVia)) => {
                self.block(visit, &request, &fault).await
            }
            Some(ProxyFault::TunnelHang) => {
                established(&mut visit.stream, &visit.entry).await?;
                web::drain(&mut visit.stream).await
            }
            Some(ProxyFault::TunnelClose) => {
                established(&mut visit.stream, &visit.entry).await?;
                web::end(visit.stream).await
            }
            fault => match self.refusal(&request, fault.as_ref()) {
                Some(answer) => {
                    let line = fault.as_ref().and_then(Self::line);
                    reply::perform(&mut visit.stream, &visit.entry, &request, answer, line).await?;
                    web::end(visit.stream).await
                }
                None => self.tunnel(visit, &request, unread).await,
            },
        }
    }
}

impl Middleman {
    /// What is said instead of opening a tunnel, if so.
    fn refusal(&self, request: &Request, fault: Option<&ProxyFault>) -> Option<Answer> {
        let page =
            |status, title| Answer::html(status, title).with("Via", "1.1 proxy.lab (squid/6.6)");
        let unauthenticated = || {
            page(407, "Proxy Authentication Required")
                .with("Proxy-Authenticate", "Basic realm=\"lab\"")
        };
        let answer = match fault {
            _ if request.method != "CONNECT" => page(405, "Method Not Allowed"),
            Some(ProxyFault::AuthRequired) => unauthenticated(),
            Some(ProxyFault::Denied) => page(403, "Forbidden"),
            Some(ProxyFault::BadGateway) => page(502, "Bad Gateway"),
            Some(ProxyFault::Squid) => page(403, "ERROR: The requested URL could not be retrieved")
                .with("Server", "squid/6.6")
                .with("X-Squid-Error", "ERR_ACCESS_DENIED 0"),
            Some(ProxyFault::Hostile) => {
                let line: String = crate::HOSTILE_TEXT
                    .chars()
                    .filter(|c| !matches!(c, '\r' | '\n'))
                    .collect();
                page(403, crate::HOSTILE_TEXT).with("X-Squid-Error", line)
            }
            Some(fault) if Self::line(fault).is_some() => page(200, "Connection established"),
            _ => {
                let wanted = self.authorization.as_deref();
                if wanted.is_none() || request.header("proxy-authorization") == wanted {
                    return None;
                }
                unauthenticated()
            }
        };
        Some(answer)
    }

    async fn tunnel(
        &self,
        mut visit: Visit<ProxyFault>,
        request: &Request,
        unread: Unread,
    ) -> io::Result<()> {
        let connected = match self.resolve(&request.target) {
            Some(addr) => time::timeout(Duration::from_secs(20), TcpStream::connect(addr)).await,
            None => Ok(Err(io::Error::from(io::ErrorKind::NotFound))),
        };
        let Ok(Ok(mut upstream)) = connected else {
            let answer = Answer::html(503, "ERROR: The requested URL could not be retrieved").with(
                "X-Squid-Error",
                if connected.is_err() {
                    "ERR_CONNECT_FAIL 110"
                } else {
                    "ERR_CONNECT_FAIL 111"
                },
            );
            reply::write(&mut visit.stream, &visit.entry, &answer, None).await?;
            return web::end(visit.stream).await;
        };
        upstream.set_nodelay(true)?;
        established(&mut visit.stream, &visit.entry).await?;
        upstream.write_all(&unread.into_rest()).await?;
        tokio::io::copy_bidirectional(&mut visit.stream, &mut upstream)
            .await
            .map(|_bytes| ())
    }

    /// Where a target is; only loopback is.
    fn resolve(&self, target: &str) -> Option<SocketAddr> {
        let (host, port) = target.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let ip = lock(&self.hosts)
            .get(host)
            .copied()
            .or_else(|| host.parse().ok())?;
        Some(SocketAddr::new(ip, port.parse().ok()?)).filter(|addr| addr.ip().is_loopback())
    }

    async fn block(
        &self,
        mut visit: Visit<ProxyFault>,
        request: &Request,
        fault: &ProxyFault,
    ) -> io::Result<()> {
        let host = request
            .target
            .rsplit_once(':')
            .map_or(request.target.as_str(), |(host, _)| host);
        let page = Answer::html(403, "Blocked by Example Corp");
        let (kind, page) = match fault {
            ProxyFault::BlockPageVia => (
                Certificate::Good,
                page.with("Via", "1.1 proxy.lab (squid/6.6)")
                    .with("X-Squid-Error", "ERR_ACCESS_DENIED 0"),
            ),
            _ => (Certificate::Intercepted, page),
        };
        // A hostile host name is no name for a certificate.
        let plain = host.is_ascii() && host.len() < 256;
        let names = vec![if plain {
            host.to_owned()
        } else {
            "unknown".to_owned()
        }];
        established(&mut visit.stream, &visit.entry).await?;
        let config = Certificates::new(&self.pki, names).show(kind);
        let mut stream = TlsAcceptor::from(config)
            .accept(Valve::open(visit.stream))
            .await?;
        visit.entry.handshaken(stream.get_ref().1.server_name());
        if let Some(request) = Unread::default().request(&mut stream).await? {
            visit.entry.request(request);
            reply::write(&mut stream, &visit.entry, &page, None).await?;
        }
        web::finish(stream).await
    }
}

async fn established(stream: &mut TcpStream, entry: &Entry) -> io::Result<()> {
    entry.answering();
    stream
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    entry.answered();
    Ok(())
}
