//! A TCP stream that can stall halfway through a TLS flight.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A TCP stream that silently discards writes once `remaining` bytes have been sent.
pub(crate) struct StallingStream {
    pub(crate) stream: TcpStream,
    pub(crate) remaining: Option<usize>,
}

// === impl StallingStream ===

impl StallingStream {
    pub(crate) fn unlimited(stream: TcpStream) -> Self {
        Self {
            stream,
            remaining: None,
        }
    }
}

impl AsyncRead for StallingStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for StallingStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.remaining {
            None => Pin::new(&mut self.stream).poll_write(cx, buf),
            Some(0) => Poll::Ready(Ok(buf.len())),
            Some(remaining) => {
                let part = &buf[..remaining.min(buf.len())];
                let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, part))?;
                self.remaining = Some(remaining - written);
                Poll::Ready(Ok(written))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
