//! One connection: handshake, one request, one answer, all bounded.

use std::convert::Infallible;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::server::Shared;
use crate::server::access::Terms;
use crate::server::answer::answer;

/// A handshake, or a request's header section, that takes longer comes from a port scanner or worse.
const PATIENCE: Duration = Duration::from_secs(5);
/// The whole connection; who reads more slowly is cut.
const WHOLE: Duration = Duration::from_secs(30);
/// Request line and headers.
const MAX_HEADERS: usize = 16 * 1024;

/// Serves a connection to its end; says why it ended early.
pub(super) async fn serve(
    stream: TcpStream,
    shared: &Shared,
    ending: watch::Receiver<bool>,
) -> Result<(), String> {
    let _ = stream.set_nodelay(true);
    let terms = shared.access.terms();
    let served = async {
        match &terms.config.tls {
            None => exchange(stream, shared, &terms, ending).await,
            Some(tls) => {
                let handshake =
                    TlsAcceptor::from(std::sync::Arc::clone(tls.config())).accept(stream);
                let stream = tokio::time::timeout(PATIENCE, handshake)
                    .await
                    .map_err(|_| "no TLS handshake in time".to_owned())?
                    .map_err(|error| format!("TLS: {error}"))?;
                exchange(stream, shared, &terms, ending).await
            }
        }
    };
    tokio::time::timeout(WHOLE, served)
        .await
        .map_err(|_| "not done in time".to_owned())?
}

/// Resolves once the end was asked for, or nobody is left to ask for it.
pub(super) async fn ended(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ending| *ending).await;
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    shared: &Shared,
    terms: &Terms,
    mut ending: watch::Receiver<bool>,
) -> Result<(), String> {
    let service =
        service_fn(async |request| Ok::<_, Infallible>(answer(shared, terms, &request).await));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended.map_err(|error| error.to_string()),
        () = ended(&mut ending) => connection.as_mut().graceful_shutdown(),
    }
    connection.await.map_err(|error| error.to_string())
}
