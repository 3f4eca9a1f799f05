//! The byte stream under HTTP, plain or TLS, which counts received bytes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Number of leading bytes that are kept for evidence.
const PREFIX_BYTES: usize = 64;

/// A byte stream to a target, directly or through a tunnel.
#[derive(Debug)]
pub enum Transport {
    /// TCP.
    Plain(TcpStream),
    /// TLS over any transport, including TLS to a proxy.
    Tls(Box<TlsStream<CountingStream<Transport>>>),
}

/// A stream that counts received bytes.
#[derive(Debug)]
pub struct CountingStream<S> {
    stream: S,
    received: ReceivedBytes,
}

/// Number of received bytes and the first of them; outlives the stream.
#[derive(Clone, Debug, Default)]
pub struct ReceivedBytes(Arc<Mutex<Received>>);

#[derive(Debug, Default)]
struct Received {
    count: u64,
    prefix: Vec<u8>,
    /// The count after which reads fail.
    limit: Option<u64>,
}

impl Transport {
    /// Wraps a TCP connection.
    pub fn plain(stream: TcpStream) -> Self {
        Self::Plain(stream)
    }

    /// Counts the bytes that are received from now on.
    pub fn counting(self) -> (CountingStream<Self>, ReceivedBytes) {
        let received = ReceivedBytes::default();
        (
            CountingStream {
                stream: self,
                received: received.clone(),
            },
            received,
        )
    }
}

impl ReceivedBytes {
    /// Returns the number of received bytes.
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// Returns the first received bytes.
    pub fn prefix(&self) -> Vec<u8> {
        self.lock().prefix.clone()
    }

    /// Lets reads fail after this many more bytes; `None` removes the limit.
    pub fn limit(&self, bytes: Option<u64>) {
        let mut received = self.lock();
        received.limit = bytes.map(|bytes| received.count + bytes);
    }

    /// Returns whether a read failed because of the limit.
    pub fn is_over_limit(&self) -> bool {
        let received = self.lock();
        received.limit.is_some_and(|limit| received.count > limit)
    }

    fn add(&self, bytes: &[u8]) -> io::Result<()> {
        let mut received = self.lock();
        received.count += bytes.len() as u64;
        let room = PREFIX_BYTES.saturating_sub(received.prefix.len());
        received
            .prefix
            .extend_from_slice(&bytes[..room.min(bytes.len())]);
        if received.limit.is_some_and(|limit| received.count > limit) {
            return Err(io::Error::other("too many bytes before the response"));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CountingStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            this.received.add(&buf.filled()[before..])?;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountingStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    // rustls sends several records at once, which without this would be as many packets.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn records_are_written_at_once() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (mut peer, _) = listener.accept().await.unwrap();
        let (mut counting, _) = Transport::plain(stream.unwrap()).counting();
        assert!(counting.is_write_vectored());
        let records = [IoSlice::new(b"ChangeCipherSpec"), IoSlice::new(b"Finished")];
        let written = counting.write_vectored(&records).await.unwrap();
        drop(counting);
        let mut received = Vec::new();
        peer.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"ChangeCipherSpecFinished");
        assert_eq!(written, received.len());
    }
}
