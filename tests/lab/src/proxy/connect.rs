//! Handles CONNECT requests.

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
use crate::fault::Fault;
use crate::mutex::lock;
use crate::pki::{CertificateKind, Pki};
use crate::request::{Request, RequestReader};
use crate::request_log::ConnectionRecorder;
use crate::response::Response;
use crate::server::{AcceptedConnection, ConnectionHandler};
use crate::server_certificates::ServerCertificates;
use crate::stalling_stream::StallingStream;
use crate::{echo, response_writer, shutdown};

/// Handles the proxy's connections.
pub(super) struct ConnectHandler {
    pub(super) hosts: Arc<Mutex<HashMap<String, IpAddr>>>,
    /// Required value of `Proxy-Authorization`.
    pub(super) authorization: Option<String>,
    pub(super) pki: Pki,
}

// === impl ConnectHandler ===

impl ConnectionHandler for ConnectHandler {
    type Fault = ProxyFault;

    fn generic_fault(fault: &ProxyFault) -> Option<&Fault> {
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

    async fn serve(
        self: Arc<Self>,
        mut connection: AcceptedConnection<ProxyFault>,
    ) -> io::Result<()> {
        let fault = connection.fault();
        match &fault {
            Some(ProxyFault::Reset) => return connection.stream.set_zero_linger(),
            Some(ProxyFault::Close) => return shutdown::close(connection.stream).await,
            _ => {}
        }
        if !connection.first_byte().await? {
            return Ok(());
        }
        let mut requests = RequestReader::default();
        let Some(request) = requests.next(&mut connection.stream).await? else {
            return Ok(());
        };
        connection.recorder.request_received(request.clone());
        if let Some(ProxyFault::Slow(delay)) = &fault {
            time::sleep(*delay).await;
        }
        match fault {
            Some(ProxyFault::Hang) => shutdown::drain(&mut connection.stream).await,
            Some(fault @ (ProxyFault::BlockPage | ProxyFault::BlockPageVia)) => {
                self.block(connection, &request, &fault).await
            }
            Some(ProxyFault::TunnelHang) => {
                established(&mut connection.stream, &connection.recorder).await?;
                shutdown::drain(&mut connection.stream).await
            }
            Some(ProxyFault::TunnelClose) => {
                established(&mut connection.stream, &connection.recorder).await?;
                shutdown::close(connection.stream).await
            }
            fault => match self.refusal(&request, fault.as_ref()) {
                Some(response) => {
                    let generic = fault.as_ref().and_then(Self::generic_fault);
                    response_writer::send_with_fault(
                        &mut connection.stream,
                        &connection.recorder,
                        &request,
                        response,
                        generic,
                    )
                    .await?;
                    shutdown::close(connection.stream).await
                }
                None => self.tunnel(connection, &request, requests).await,
            },
        }
    }
}

impl ConnectHandler {
    /// Returns the response to send instead of opening a tunnel, if any.
    fn refusal(&self, request: &Request, fault: Option<&ProxyFault>) -> Option<Response> {
        let page = |status, title| {
            Response::html(status, title).with_header("Via", "1.1 proxy.lab (squid/6.6)")
        };
        let unauthenticated = || {
            page(407, "Proxy Authentication Required")
                .with_header("Proxy-Authenticate", "Basic realm=\"lab\"")
        };
        let response = match fault {
            _ if request.method != "CONNECT" => page(405, "Method Not Allowed"),
            Some(ProxyFault::AuthRequired) => unauthenticated(),
            Some(ProxyFault::EchoAs(encoding)) => {
                Response::text(403, &echo::credentials(request, encoding))
            }
            Some(ProxyFault::Denied) => page(403, "Forbidden"),
            Some(ProxyFault::BadGateway) => page(502, "Bad Gateway"),
            Some(ProxyFault::Squid) => page(403, "ERROR: The requested URL could not be retrieved")
                .with_header("Server", "squid/6.6")
                .with_header("X-Squid-Error", "ERR_ACCESS_DENIED 0"),
            Some(ProxyFault::Hostile) => {
                let line: String = crate::HOSTILE_TEXT
                    .chars()
                    .filter(|c| !matches!(c, '\r' | '\n'))
                    .collect();
                page(403, crate::HOSTILE_TEXT).with_header("X-Squid-Error", line)
            }
            Some(fault) if Self::generic_fault(fault).is_some() => {
                page(200, "Connection established")
            }
            _ => {
                let required = self.authorization.as_deref();
                if required.is_none() || request.header("proxy-authorization") == required {
                    return None;
                }
                unauthenticated()
            }
        };
        Some(response)
    }

    async fn tunnel(
        &self,
        mut connection: AcceptedConnection<ProxyFault>,
        request: &Request,
        requests: RequestReader,
    ) -> io::Result<()> {
        let connected = match self.resolve(&request.target) {
            Some(addr) => time::timeout(Duration::from_secs(20), TcpStream::connect(addr)).await,
            None => Ok(Err(io::Error::from(io::ErrorKind::NotFound))),
        };
        let Ok(Ok(mut upstream)) = connected else {
            let response = Response::html(503, "ERROR: The requested URL could not be retrieved")
                .with_header(
                    "X-Squid-Error",
                    if connected.is_err() {
                        "ERR_CONNECT_FAIL 110"
                    } else {
                        "ERR_CONNECT_FAIL 111"
                    },
                );
            response_writer::send(
                &mut connection.stream,
                &connection.recorder,
                &response,
                None,
            )
            .await?;
            return shutdown::close(connection.stream).await;
        };
        upstream.set_nodelay(true)?;
        established(&mut connection.stream, &connection.recorder).await?;
        upstream.write_all(&requests.into_unread_bytes()).await?;
        tokio::io::copy_bidirectional(&mut connection.stream, &mut upstream)
            .await
            .map(|_bytes| ())
    }

    /// Resolves a CONNECT target; loopback addresses only.
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
        mut connection: AcceptedConnection<ProxyFault>,
        request: &Request,
        fault: &ProxyFault,
    ) -> io::Result<()> {
        let host = request
            .target
            .rsplit_once(':')
            .map_or(request.target.as_str(), |(host, _)| host);
        let page = Response::html(403, "Blocked by Example Corp");
        let (kind, page) = match fault {
            ProxyFault::BlockPageVia => (
                CertificateKind::Valid,
                page.with_header("Via", "1.1 proxy.lab (squid/6.6)")
                    .with_header("X-Squid-Error", "ERR_ACCESS_DENIED 0"),
            ),
            _ => (CertificateKind::Intercepted, page),
        };
        // A hostile host name is not a valid certificate name.
        let plain = host.is_ascii() && host.len() < 256;
        let names = vec![if plain {
            host.to_owned()
        } else {
            "unknown".to_owned()
        }];
        established(&mut connection.stream, &connection.recorder).await?;
        let config = ServerCertificates::new(&self.pki, names).config(kind);
        let mut stream = TlsAcceptor::from(config)
            .accept(StallingStream::unlimited(connection.stream))
            .await?;
        connection
            .recorder
            .handshake_completed(stream.get_ref().1.server_name());
        if let Some(request) = RequestReader::default().next(&mut stream).await? {
            connection.recorder.request_received(request);
            response_writer::send(&mut stream, &connection.recorder, &page, None).await?;
        }
        shutdown::close_tls(stream).await
    }
}

async fn established(stream: &mut TcpStream, recorder: &ConnectionRecorder) -> io::Result<()> {
    recorder.response_started();
    stream
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    recorder.response_sent();
    Ok(())
}
