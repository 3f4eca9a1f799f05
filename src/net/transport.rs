//! The byte stream under HTTP, plain or TLS, which counts received bytes.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::net::batching_socket::{BatchWindow, BatchingSocket};

/// Number of leading bytes that are kept for evidence.
const PREFIX_BYTES: usize = 64;

/// A byte stream to a target, directly or through a tunnel.
#[derive(Debug)]
pub enum Transport {
    /// TCP.
    Plain(Box<BatchingSocket>),
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
pub struct ReceivedBytes(Arc<Mutex<(u64, Vec<u8>)>>);

impl Transport {
    /// Wraps a TCP connection.
    pub fn plain(stream: TcpStream) -> Self {
        Self::Plain(Box::new(BatchingSocket::new(stream)))
    }

    /// Returns the handle that sets the batch window of the underlying socket.
    pub fn batch_window(&self) -> BatchWindow {
        match self {
            Self::Plain(socket) => socket.batch_window(),
            Self::Tls(stream) => stream.get_ref().0.stream.batch_window(),
        }
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Returns the first received bytes.
    pub fn prefix(&self) -> Vec<u8> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .clone()
    }

    fn add(&self, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += bytes.len() as u64;
        let room = PREFIX_BYTES.saturating_sub(state.1.len()).min(bytes.len());
        state.1.extend_from_slice(&bytes[..room]);
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
            this.received.add(&buf.filled()[before..]);
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
