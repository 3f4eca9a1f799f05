//! One connection: handshake, one request, one response, all bounded.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::server::auth_policy::AuthPolicy;
use crate::server::open_connections::{Admission, ConnectionSlot, Progress};
use crate::server::response::respond;
use crate::server::shared_state::Shared;

/// Limit of a handshake and of a request's header section; slower clients are port scanners or
/// worse.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Limit of the whole connection; slower readers are disconnected.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of request line and headers, in bytes.
const MAX_HEADERS: usize = 16 * 1024;

/// Serves a connection until it closes; returns why it closed early.
pub(super) async fn serve(
    stream: TcpStream,
    Admission { slot, evicted, .. }: Admission,
    shared: &Shared,
    mut ending: watch::Receiver<bool>,
) -> Result<(), String> {
    let _ = stream.set_nodelay(true);
    let policy = shared.access.policy();
    let served = async {
        // Until its first byte arrives, a connection needs no buffers. `readable` would resolve at
        // once: a new socket counts as readable until a read proves otherwise.
        let mut first = [0];
        let arrived = tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.peek(&mut first));
        tokio::select! {
            biased;
            arrived = arrived => {
                arrived
                    .map_err(|_| "no request in time".to_owned())?
                    .map_err(|error| error.to_string())?;
            }
            () = ended(&mut ending) => return Ok(()),
        }
        slot.record(Progress::Started);
        // Most of the memory of a connection, which one that sends nothing must not need.
        Box::pin(served_from_first_byte(
            stream, &slot, shared, &policy, ending,
        ))
        .await
    };
    tokio::select! {
        _ = evicted => Err("closed to make room for a newer connection".to_owned()),
        served = tokio::time::timeout(CONNECTION_TIMEOUT, served) => {
            served.map_err(|_| "not done in time".to_owned())?
        }
    }
}

async fn served_from_first_byte(
    stream: TcpStream,
    slot: &ConnectionSlot,
    shared: &Shared,
    policy: &AuthPolicy,
    ending: watch::Receiver<bool>,
) -> Result<(), String> {
    let Some(tls) = &policy.config.tls else {
        return exchange(stream, slot, shared, policy, ending).await;
    };
    let config = Arc::clone(tls.config());
    let handshake = shared.handshakes.handshake(stream, slot, config);
    let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake)
        .await
        .map_err(|_| "no TLS handshake in time".to_owned())?
        .map_err(|error| format!("TLS: {error}"))?;
    exchange(stream, slot, shared, policy, ending).await
}

/// Resolves once shutdown was requested, or its sender is gone.
pub(super) async fn ended(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ending| *ending).await;
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    slot: &ConnectionSlot,
    shared: &Shared,
    policy: &AuthPolicy,
    mut ending: watch::Receiver<bool>,
) -> Result<(), String> {
    let service = service_fn(async |request| {
        slot.record(Progress::Requested);
        Ok::<_, Infallible>(respond(shared, policy, slot.source(), &request).await)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE_TIMEOUT)
        .max_buf_size(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended.map_err(|error| error.to_string()),
        () = ended(&mut ending) => connection.as_mut().graceful_shutdown(),
    }
    connection.await.map_err(|error| error.to_string())
}
