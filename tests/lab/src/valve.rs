//! A TCP stream that can stall in the middle of a flight.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A TCP stream that may lose what is written to it after so many bytes.
pub(crate) struct Valve {
    pub(crate) stream: TcpStream,
    pub(crate) left: Option<usize>,
}

// === impl Valve ===

impl Valve {
    pub(crate) fn open(stream: TcpStream) -> Self {
        Self { stream, left: None }
    }
}

impl AsyncRead for Valve {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Valve {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.left {
            None => Pin::new(&mut self.stream).poll_write(cx, buf),
            Some(0) => Poll::Ready(Ok(buf.len())),
            Some(left) => {
                let part = &buf[..left.min(buf.len())];
                let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, part))?;
                self.left = Some(left - written);
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
