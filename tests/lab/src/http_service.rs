//! HTTP and HTTPS servers with generic faults at every phase.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time;
use tokio_rustls::TlsAcceptor;

use crate::fault::Fault;
use crate::pki::{CertificateKind, Pki};
use crate::request::{Request, RequestReader};
use crate::request_log::ConnectionRecorder;
use crate::response::Response;
use crate::response_writer::{self, ConnectionAction};
use crate::server::{AcceptedConnection, ConnectionHandler};
use crate::server_certificates::ServerCertificates;
use crate::shutdown;
use crate::stalling_stream::StallingStream;

/// Responds to requests, independent of connections.
pub(crate) trait HttpHandler: Send + Sync + 'static {
    type Fault: Clone + PartialEq + Send + Sync + 'static;

    fn generic_fault(fault: &Self::Fault) -> Option<&Fault>;
    fn respond(&self, request: &Request, fault: Option<&Self::Fault>) -> Response;

    /// Returns a response that takes time, such as that of another server.
    fn respond_later(
        &self,
        _request: &Request,
        _fault: Option<&Self::Fault>,
    ) -> Option<LaterResponse> {
        None
    }

    /// Whether this request is read and never answered.
    fn hangs(&self, _request: &Request, _fault: Option<&Self::Fault>) -> bool {
        false
    }
}

/// A response that is on its way.
pub(crate) type LaterResponse = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Serves an [`HttpHandler`] over TLS, or over plain HTTP.
pub(crate) struct HttpService<H> {
    handler: H,
    certificates: Option<ServerCertificates>,
    /// Connections during a fault that affects every second one.
    alternating: AtomicUsize,
}

/// `ServerHello` and part of what follows it in the same flight.
const PARTIAL_FLIGHT_BYTES: usize = 200;

// === impl HttpService ===

impl<H: HttpHandler> HttpService<H> {
    pub(crate) fn tls(handler: H, pki: &Pki, names: Vec<String>) -> Self {
        Self::new(handler, Some(pki), names)
    }

    pub(crate) fn plain(handler: H) -> Self {
        Self::new(handler, None, Vec::new())
    }

    /// Serves plain HTTP if `pki` is `None`.
    pub(crate) fn new(handler: H, pki: Option<&Pki>, names: Vec<String>) -> Self {
        Self {
            handler,
            certificates: pki.map(|pki| ServerCertificates::new(pki, names)),
            alternating: AtomicUsize::new(0),
        }
    }
}

impl<H: HttpHandler> ConnectionHandler for HttpService<H> {
    type Fault = H::Fault;

    fn generic_fault(fault: &H::Fault) -> Option<&Fault> {
        H::generic_fault(fault)
    }

    async fn serve(
        self: Arc<Self>,
        mut connection: AcceptedConnection<H::Fault>,
    ) -> io::Result<()> {
        let fault = connection.fault();
        let mut generic = fault.as_ref().and_then(H::generic_fault);
        if generic == Some(&Fault::EverySecondHangs) {
            let earlier = self.alternating.fetch_add(1, Ordering::Relaxed);
            generic = earlier.is_multiple_of(2).then_some(&Fault::TlsHang);
        }
        match generic {
            Some(Fault::Reset) => return connection.stream.set_zero_linger(),
            Some(Fault::Close) => return shutdown::close(connection.stream).await,
            _ => {}
        }
        if !connection.first_byte().await? {
            return Ok(());
        }
        if let Some(generic) = generic
            && let ConnectionAction::Close =
                inject_before_handshake(&mut connection.stream, generic).await?
        {
            return Ok(());
        }
        let AcceptedConnection {
            stream,
            recorder,
            fault,
        } = connection;
        let Some(certificates) = &self.certificates else {
            let mut stream = stream;
            return match self.serve_requests(&mut stream, &recorder, fault).await? {
                ConnectionAction::KeepAlive | ConnectionAction::Close => {
                    shutdown::close(stream).await
                }
                ConnectionAction::CloseAbruptly => Ok(()),
                ConnectionAction::Reset => stream.set_zero_linger(),
            };
        };
        let config =
            certificates.config(generic.map_or(CertificateKind::Valid, Fault::certificate));
        let remaining =
            matches!(generic, Some(Fault::TlsHangPartial)).then_some(PARTIAL_FLIGHT_BYTES);
        let mut stream = TlsAcceptor::from(config)
            .accept(StallingStream { stream, remaining })
            .await?;
        recorder.handshake_completed(stream.get_ref().1.server_name());
        match self.serve_requests(&mut stream, &recorder, fault).await? {
            ConnectionAction::KeepAlive | ConnectionAction::Close => {
                shutdown::close_tls(stream).await
            }
            ConnectionAction::CloseAbruptly => Ok(()),
            ConnectionAction::Reset => stream.get_ref().0.stream.set_zero_linger(),
        }
    }
}

impl<H: HttpHandler> HttpService<H> {
    /// Serves requests until the connection should close. Returns how to close it.
    async fn serve_requests(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        recorder: &ConnectionRecorder,
        fault: watch::Receiver<Option<H::Fault>>,
    ) -> io::Result<ConnectionAction> {
        let mut requests = RequestReader::default();
        let mut connection_fault = std::pin::pin!(wait_for_connection_fault::<H>(fault.clone()));
        loop {
            let request = tokio::select! {
                request = requests.next(stream) => request,
                () = &mut connection_fault => return Ok(ConnectionAction::Close),
            };
            let request = match request {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(ConnectionAction::Close),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    response_writer::send(
                        stream,
                        recorder,
                        &Response::text(400, "Bad Request"),
                        None,
                    )
                    .await?;
                    return Ok(ConnectionAction::Close);
                }
                Err(error) => return Err(error),
            };
            recorder.request_received(request.clone());
            let fault = fault.borrow().clone();
            let response = match self.handler.respond_later(&request, fault.as_ref()) {
                Some(later) => later.await,
                None => self.handler.respond(&request, fault.as_ref()),
            };
            let generic = if self.handler.hangs(&request, fault.as_ref()) {
                Some(&Fault::HttpHang)
            } else {
                fault.as_ref().and_then(H::generic_fault)
            };
            match response_writer::send_with_fault(stream, recorder, &request, response, generic)
                .await?
            {
                ConnectionAction::KeepAlive if request.wants_close() => {
                    return Ok(ConnectionAction::Close);
                }
                ConnectionAction::KeepAlive => {}
                action => return Ok(action),
            }
        }
    }
}

/// Resolves when a new fault only shows on a new connection.
async fn wait_for_connection_fault<H: HttpHandler>(mut fault: watch::Receiver<Option<H::Fault>>) {
    loop {
        if fault.changed().await.is_err() {
            return;
        }
        if fault
            .borrow_and_update()
            .as_ref()
            .and_then(H::generic_fault)
            .is_some_and(Fault::precedes_request)
        {
            return;
        }
    }
}

/// Injects faults between `ClientHello` and `ServerHello`.
async fn inject_before_handshake(
    stream: &mut TcpStream,
    fault: &Fault,
) -> io::Result<ConnectionAction> {
    const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];
    const PROTOCOL_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];
    const PLAIN: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 45\r\n\
        Connection: close\r\n\r\n<html><body><h1>Bad Request</h1></body></html>";
    let bytes: &[u8] = match fault {
        Fault::ResetOnHello => {
            stream.set_zero_linger()?;
            return Ok(ConnectionAction::Close);
        }
        Fault::TlsHang => {
            shutdown::drain(stream).await?;
            return Ok(ConnectionAction::Close);
        }
        Fault::TlsSlow(delay) => {
            time::sleep(*delay).await;
            return Ok(ConnectionAction::KeepAlive);
        }
        Fault::TlsAlert => &HANDSHAKE_FAILURE,
        Fault::TlsVersion => &PROTOCOL_VERSION,
        Fault::TlsPlainHttp => PLAIN,
        Fault::TlsNoise => &response_writer::NOISE,
        _ => return Ok(ConnectionAction::KeepAlive),
    };
    // Unread input would make the kernel send RST instead of FIN, and discard the response.
    stream.read_buf(&mut Vec::with_capacity(16 * 1024)).await?;
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    shutdown::drain_briefly(stream).await;
    Ok(ConnectionAction::Close)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::task::JoinSet;

    use crate::castai::{CastAi, Options};
    use crate::client::get;
    use crate::{Fault, Pki};

    #[tokio::test]
    async fn every_fault_changes_the_response_until_healed() {
        let pki = Pki::new("lab");
        let mut tests = JoinSet::new();
        for (name, _) in Fault::names() {
            tests.spawn(assert_fault_changes_the_response(pki.clone(), name));
        }
        tests.join_all().await;
    }

    async fn assert_fault_changes_the_response(pki: Pki, name: &str) {
        let castai = CastAi::start(&pki, Options::default()).unwrap();
        let get_me = || get(&pki, castai.addr(), "api.cast.lab", "/v1/me", "");
        let without_date = |response: &str| {
            response
                .lines()
                .filter(|line| !line.starts_with("Date:"))
                .collect::<String>()
        };
        let healthy = without_date(&get_me().await.unwrap());
        castai.set(name.parse::<Fault>().unwrap()).await;
        let shown = get_me().await;
        // This client does not notice these: it has no limit for chains and connects by DNS name.
        let harmless = matches!(
            name,
            "close-after-each"
                | "cert-no-ip-san"
                | "cert-expires-in:3600s"
                | "cert-huge"
                | "clock:+600s"
        );
        let same = shown
            .as_ref()
            .is_ok_and(|shown| without_date(shown) == healthy);
        assert_eq!(same, harmless, "{name}: {shown:?}");
        castai.heal().await;
        get_me()
            .await
            .unwrap_or_else(|error| panic!("after {name}: {error}"));
    }

    #[tokio::test]
    async fn request_log_times_are_ordered() {
        let pki = Pki::new("lab");
        let castai = CastAi::start(&pki, Options::default()).unwrap();
        let before = Instant::now();
        castai
            .set(Fault::ResponseSlow(Duration::from_millis(50)))
            .await;
        get(&pki, castai.addr(), "api.cast.lab", "/v1/me", "")
            .await
            .unwrap();
        let connection = &castai.request_log().connections()[0];
        let exchange = &connection.exchanges[0];
        let times = [
            Some(before),
            Some(connection.accepted),
            connection.first_byte,
            connection.handshake_completed,
            Some(exchange.received),
            exchange.first_byte_sent,
            exchange.last_byte_sent,
        ];
        assert!(
            times.iter().all(Option::is_some) && times.is_sorted(),
            "{connection:?}"
        );
        assert!(exchange.first_byte_sent.unwrap() - exchange.received >= Duration::from_millis(50));
        assert_eq!(connection.server_name.as_deref(), Some("api.cast.lab"));
    }
}
