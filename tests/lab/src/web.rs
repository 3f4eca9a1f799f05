//! HTTP with every fault on the way: what the API server, CAST AI, AWS and block pages have in common.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::answer::Answer;
use crate::certificates::Certificates;
use crate::fault::Fault;
use crate::journal::Entry;
use crate::pki::{Certificate, Pki};
use crate::reply::{
    After, {self},
};
use crate::request::{Request, Unread};
use crate::server::{Service, Visit};
use crate::valve::Valve;

/// What answers requests, knowing nothing of connections.
pub(crate) trait Application: Send + Sync + 'static {
    type Fault: Clone + PartialEq + Send + Sync + 'static;

    fn line(fault: &Self::Fault) -> Option<&Fault>;
    fn answer(&self, request: &Request, fault: Option<&Self::Fault>) -> Answer;
}

/// An application behind TLS, or in the clear.
pub(crate) struct Web<A> {
    pub(crate) application: A,
    certificates: Option<Certificates>,
}

/// `ServerHello` and the beginning of what follows it in the same flight.
const PART_OF_FLIGHT: usize = 200;

// === impl Web ===

impl<A: Application> Web<A> {
    pub(crate) fn new(application: A, pki: &Pki, names: Vec<String>) -> Self {
        Self::over(application, Some(pki), names)
    }

    /// In the clear when nobody signs certificates.
    pub(crate) fn over(application: A, pki: Option<&Pki>, names: Vec<String>) -> Self {
        Self {
            application,
            certificates: pki.map(|pki| Certificates::new(pki, names)),
        }
    }
}

impl<A: Application> Service for Web<A> {
    type Fault = A::Fault;

    fn line(fault: &A::Fault) -> Option<&Fault> {
        A::line(fault)
    }

    async fn serve(self: Arc<Self>, mut visit: Visit<A::Fault>) -> io::Result<()> {
        let fault = visit.fault();
        let line = fault.as_ref().and_then(A::line);
        match line {
            Some(Fault::Reset) => return visit.stream.set_zero_linger(),
            Some(Fault::Close) => return end(visit.stream).await,
            _ => {}
        }
        if !visit.first_byte().await? {
            return Ok(());
        }
        if let Some(line) = line
            && let After::Close = before_handshake(&mut visit.stream, line).await?
        {
            return Ok(());
        }
        let Visit {
            stream,
            entry,
            fault,
        } = visit;
        let Some(certificates) = &self.certificates else {
            let mut stream = stream;
            return match self.converse(&mut stream, &entry, fault).await? {
                After::Keep | After::Close => end(stream).await,
                After::Cut => Ok(()),
                After::Reset => stream.set_zero_linger(),
            };
        };
        let config = certificates.show(line.map_or(Certificate::Good, Fault::certificate));
        let left = matches!(line, Some(Fault::TlsHangPartial)).then_some(PART_OF_FLIGHT);
        let mut stream = TlsAcceptor::from(config)
            .accept(Valve { stream, left })
            .await?;
        entry.handshaken(stream.get_ref().1.server_name());
        match self.converse(&mut stream, &entry, fault).await? {
            After::Keep | After::Close => finish(stream).await,
            After::Cut => Ok(()),
            After::Reset => stream.get_ref().0.stream.set_zero_linger(),
        }
    }
}

impl<A: Application> Web<A> {
    /// Request after request, until one ends the connection; how it is to end.
    async fn converse(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        entry: &Entry,
        fault: watch::Receiver<Option<A::Fault>>,
    ) -> io::Result<After> {
        let mut unread = Unread::default();
        let mut idle_ends = std::pin::pin!(ends_idleness::<A>(fault.clone()));
        loop {
            let request = tokio::select! {
                request = unread.request(stream) => request,
                () = &mut idle_ends => return Ok(After::Close),
            };
            let request = match request {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(After::Close),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    reply::write(stream, entry, &Answer::text(400, "Bad Request"), None).await?;
                    return Ok(After::Close);
                }
                Err(error) => return Err(error),
            };
            entry.request(request.clone());
            let fault = fault.borrow().clone();
            let answer = self.application.answer(&request, fault.as_ref());
            let line = fault.as_ref().and_then(A::line);
            match reply::perform(stream, entry, &request, answer, line).await? {
                After::Keep if request.wants_close() => return Ok(After::Close),
                After::Keep => {}
                after => return Ok(after),
            }
        }
    }
}

/// Resolves when a new fault can only show on a new connection.
async fn ends_idleness<A: Application>(mut fault: watch::Receiver<Option<A::Fault>>) {
    loop {
        if fault.changed().await.is_err() {
            return;
        }
        if fault
            .borrow_and_update()
            .as_ref()
            .and_then(A::line)
            .is_some_and(Fault::precedes_request)
        {
            return;
        }
    }
}

/// What goes wrong between the client's hello and the server's.
async fn before_handshake(stream: &mut TcpStream, fault: &Fault) -> io::Result<After> {
    const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];
    const PROTOCOL_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];
    const PLAIN: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 45\r\n\
        Connection: close\r\n\r\n<html><body><h1>Bad Request</h1></body></html>";
    let bytes: &[u8] = match fault {
        Fault::ResetOnHello => {
            stream.set_zero_linger()?;
            return Ok(After::Close);
        }
        Fault::TlsHang => {
            drain(stream).await?;
            return Ok(After::Close);
        }
        Fault::TlsSlow(delay) => {
            time::sleep(*delay).await;
            return Ok(After::Keep);
        }
        Fault::TlsAlert => &HANDSHAKE_FAILURE,
        Fault::TlsVersion => &PROTOCOL_VERSION,
        Fault::TlsPlainHttp => PLAIN,
        Fault::TlsNoise => &reply::NOISE,
        _ => return Ok(After::Keep),
    };
    // What the client said must be read, or the kernel sends RST instead of FIN and the bytes are lost.
    stream.read_buf(&mut Vec::with_capacity(16 * 1024)).await?;
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    drain_briefly(stream).await;
    Ok(After::Close)
}

/// Ends a connection so that the client gets everything and then FIN.
pub(crate) async fn finish(mut stream: TlsStream<Valve>) -> io::Result<()> {
    stream.shutdown().await?;
    drain_briefly(&mut stream.get_mut().0.stream).await;
    Ok(())
}

/// FIN, and then silence until the client leaves.
pub(crate) async fn end(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    drain_briefly(&mut stream).await;
    Ok(())
}

/// Reads until the client leaves.
pub(crate) async fn drain(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    tokio::io::copy(stream, &mut tokio::io::sink())
        .await
        .map(|_bytes| ())
}

async fn drain_briefly(stream: &mut TcpStream) {
    // Whatever comes is thrown away, and so is how it ends.
    let _ = time::timeout(Duration::from_secs(2), drain(stream)).await;
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::task::JoinSet;

    use crate::castai::{CastAi, Options};
    use crate::client::get;
    use crate::{Fault, Pki};

    #[tokio::test]
    async fn every_fault_shows_and_heals() {
        let pki = Pki::new("lab");
        let mut tests = JoinSet::new();
        for (name, _) in Fault::names() {
            tests.spawn(fault_shows_and_heals(pki.clone(), name));
        }
        tests.join_all().await;
    }

    async fn fault_shows_and_heals(pki: Pki, name: &str) {
        let castai = CastAi::start(&pki, Options::default()).unwrap();
        let ask = || get(&pki, castai.addr(), "api.cast.lab", "/v1/me", "");
        let without_date = |answer: &str| {
            answer
                .lines()
                .filter(|line| !line.starts_with("Date:"))
                .collect::<String>()
        };
        let healthy = without_date(&ask().await.unwrap());
        castai.set(name.parse::<Fault>().unwrap()).await;
        let shown = ask().await;
        // Nothing that this client minds: it puts no bound on chains and asks for no address.
        let harmless = matches!(
            name,
            "close-after-each"
                | "cert-no-address"
                | "cert-expires-in:3600s"
                | "cert-huge"
                | "clock:+600s"
        );
        let same = shown
            .as_ref()
            .is_ok_and(|shown| without_date(shown) == healthy);
        assert_eq!(same, harmless, "{name}: {shown:?}");
        castai.heal().await;
        ask()
            .await
            .unwrap_or_else(|error| panic!("after {name}: {error}"));
    }

    #[tokio::test]
    async fn the_journal_has_the_times_in_their_order() {
        let pki = Pki::new("lab");
        let castai = CastAi::start(&pki, Options::default()).unwrap();
        let before = Instant::now();
        castai
            .set(Fault::AnswerSlow(Duration::from_millis(50)))
            .await;
        get(&pki, castai.addr(), "api.cast.lab", "/v1/me", "")
            .await
            .unwrap();
        let connection = &castai.journal().connections()[0];
        let exchange = &connection.exchanges[0];
        let times = [
            Some(before),
            Some(connection.accepted),
            connection.first_byte,
            connection.handshaken,
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
