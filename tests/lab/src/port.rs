//! A TCP port that can be open, closed, or open and deaf, and that keeps its number all the while.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A port of this process.
pub(crate) struct Port {
    addr: SocketAddr,
    /// Bound and never listening: it keeps the number while nothing listens.
    _reserved: TcpSocket,
    state: State,
}

enum State {
    Open(TcpListener),
    Closed,
    /// Never accepted from, with a queue that the stream inside fills.
    Deaf(
        #[expect(dead_code, reason = "kept open")] TcpListener,
        #[expect(dead_code, reason = "kept open")] TcpStream,
    ),
}

/// Where ports are taken from: the kernel's own choice for connections begins behind it, so that none of them can
/// hold a number while the port is closed.
const NUMBERS: Range<u16> = 10_000..32_768;

// === impl Port ===

impl Port {
    /// Takes a port; 0 means any that nobody has.
    pub(crate) fn open(addr: SocketAddr) -> io::Result<Self> {
        let reserved = if addr.port() == 0 {
            any(addr)?
        } else {
            socket(addr)?
        };
        let addr = reserved.local_addr()?;
        let state = State::Open(socket(addr)?.listen(1024)?);
        Ok(Self {
            addr,
            _reserved: reserved,
            state,
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Listens, from a closed or deaf state.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        if !matches!(self.state, State::Open(_)) {
            self.state = State::Closed;
            self.state = State::Open(socket(self.addr)?.listen(1024)?);
        }
        Ok(())
    }

    /// Answers SYN with RST from now on.
    pub(crate) fn close(&mut self) {
        self.state = State::Closed;
    }

    /// Leaves SYN unanswered from now on: a queue of length one, and one in it.
    pub(crate) async fn deafen(&mut self) -> io::Result<()> {
        self.state = State::Closed;
        let listener = socket(self.addr)?.listen(0)?;
        let filler = TcpStream::connect(self.addr).await?;
        self.state = State::Deaf(listener, filler);
        Ok(())
    }

    /// The next connection; never, while there can be none.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &self.state {
            State::Open(listener) => listener.accept().await,
            State::Closed | State::Deaf(..) => std::future::pending().await,
        }
    }
}

/// Bound first without reuse, which nobody else's socket can bear; each process begins elsewhere.
fn any(addr: SocketAddr) -> io::Result<TcpSocket> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let all = NUMBERS.end - NUMBERS.start;
    for _ in 0..all {
        let nth =
            u32::from(NEXT.fetch_add(1, Ordering::Relaxed)) + std::process::id().wrapping_mul(97);
        let number =
            NUMBERS.start + u16::try_from(nth % u32::from(all)).expect("it is less than all");
        let socket = fresh(addr)?;
        socket.set_reuseaddr(false)?;
        match socket.bind(SocketAddr::new(addr.ip(), number)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
            Ok(()) => {
                socket.set_reuseaddr(true)?;
                return Ok(socket);
            }
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

fn socket(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = fresh(addr)?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

fn fresh(addr: SocketAddr) -> io::Result<TcpSocket> {
    if addr.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_port_is_open_closed_deaf_and_open_again() {
        let mut port = Port::open("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(
            NUMBERS.contains(&port.addr().port()),
            "the kernel could give {} to a connection",
            port.addr()
        );
        let connect = || timeout(Duration::from_millis(200), TcpStream::connect(port.addr));
        connect().await.unwrap().unwrap();
        port.close();
        let connect = || timeout(Duration::from_millis(200), TcpStream::connect(port.addr));
        assert_eq!(
            connect().await.unwrap().unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
        port.deafen().await.unwrap();
        let connect = || timeout(Duration::from_millis(200), TcpStream::connect(port.addr));
        assert!(connect().await.is_err(), "a SYN was answered");
        port.reopen().unwrap();
        let connect = || timeout(Duration::from_millis(200), TcpStream::connect(port.addr));
        connect().await.unwrap().unwrap();
    }
}
