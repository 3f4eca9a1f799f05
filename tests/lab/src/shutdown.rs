//! Orderly shutdown of connections.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::server::TlsStream;

use crate::stalling_stream::StallingStream;

/// Closes a TLS connection so that the client receives everything, then FIN.
pub(crate) async fn close_tls(mut stream: TlsStream<StallingStream>) -> io::Result<()> {
    stream.shutdown().await?;
    drain_briefly(&mut stream.get_mut().0.stream).await;
    Ok(())
}

/// Sends FIN, then waits briefly for the client to disconnect.
pub(crate) async fn close(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    drain_briefly(&mut stream).await;
    Ok(())
}

/// Reads and discards input until the client disconnects.
pub(crate) async fn drain(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    tokio::io::copy(stream, &mut tokio::io::sink())
        .await
        .map(|_bytes| ())
}

/// Reads and discards input for at most two seconds.
pub(crate) async fn drain_briefly(stream: &mut TcpStream) {
    // Input and errors are irrelevant at this point.
    let _ = time::timeout(Duration::from_secs(2), drain(stream)).await;
}
