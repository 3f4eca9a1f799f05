//! The byte stream under HTTP, plain or TLS, that counts what arrived.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::net::gathering_socket::{Gather, Socket};

/// So many of the first bytes are kept as evidence.
const MAX_OPENING: usize = 64;

/// A connection to a target, perhaps through a tunnel.
#[derive(Debug)]
pub enum Transport {
    /// Bytes as they come.
    Plain(Box<Socket>),
    /// TLS over any transport: also over TLS to a proxy.
    Tls(Box<TlsStream<Counted<Transport>>>),
}

/// A stream that counts what arrives.
#[derive(Debug)]
pub struct Counted<S> {
    stream: S,
    received: Received,
}

/// How much has arrived so far, and how it began; outlives the stream.
#[derive(Clone, Debug, Default)]
pub struct Received(Arc<Mutex<(u64, Vec<u8>)>>);

impl Transport {
    /// A fresh TCP connection.
    pub fn plain(stream: TcpStream) -> Self {
        Self::Plain(Box::new(Socket::new(stream)))
    }

    /// What decides for how long it lets gather what arrives.
    pub fn gather(&self) -> Gather {
        match self {
            Self::Plain(socket) => socket.gather(),
            Self::Tls(stream) => stream.get_ref().0.stream.gather(),
        }
    }

    /// The same transport, counted from here on.
    pub fn counted(self) -> (Counted<Self>, Received) {
        let received = Received::default();
        (
            Counted {
                stream: self,
                received: received.clone(),
            },
            received,
        )
    }
}

impl Received {
    /// How many bytes arrived.
    pub fn bytes(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// The first bytes that arrived.
    pub fn opening(&self) -> Vec<u8> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .clone()
    }

    fn add(&self, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += bytes.len() as u64;
        let room = MAX_OPENING.saturating_sub(state.1.len()).min(bytes.len());
        state.1.extend_from_slice(&bytes[..room]);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
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
