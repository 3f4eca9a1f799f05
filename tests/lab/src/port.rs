//! A TCP port that can be open, closed or black-holed without losing its number.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A TCP port owned by this process.
pub(crate) struct Port {
    addr: SocketAddr,
    /// Bound but never listening: reserves the number while nothing listens.
    _reserved: TcpSocket,
    state: State,
}

enum State {
    Open(TcpListener),
    Closed,
    /// A listener that never accepts, and the connection that fills its queue.
    BlackHoled(
        TcpListener,
        #[expect(dead_code, reason = "kept open")] TcpStream,
    ),
}

/// Range to pick ports from. It stops where the kernel's ephemeral range begins, so that no outgoing
/// connection can take the number of a closed port.
const PORT_RANGE: Range<u16> = 10_000..32_768;

// === impl Port ===

impl Port {
    /// Binds and listens. Port 0 picks a free port.
    pub(crate) fn open(addr: SocketAddr) -> io::Result<Self> {
        let reserved = if addr.port() == 0 {
            bind_free_port(addr)?
        } else {
            bind(addr)?
        };
        let addr = reserved.local_addr()?;
        let state = State::Open(bind(addr)?.listen(1024)?);
        Ok(Self {
            addr,
            _reserved: reserved,
            state,
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Listens again after `close` or `black_hole`.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        if !matches!(self.state, State::Open(_)) {
            self.close();
            self.state = State::Open(bind(self.addr)?.listen(1024)?);
        }
        Ok(())
    }

    /// Stops listening: the kernel answers SYN with RST.
    pub(crate) fn close(&mut self) {
        if let State::Open(listener) | State::BlackHoled(listener, _) = &self.state {
            // A process that is being started has a copy of the socket until it executes its
            // program, so closing this one may not stop it. Fails only if it does not listen.
            let _ = SockRef::from(listener).shutdown(Shutdown::Both);
        }
        self.state = State::Closed;
    }

    /// Leaves SYN unanswered: the accept queue has length one and is full.
    pub(crate) async fn black_hole(&mut self) -> io::Result<()> {
        self.close();
        let listener = bind(self.addr)?.listen(0)?;
        let filler = TcpStream::connect(self.addr).await?;
        self.state = State::BlackHoled(listener, filler);
        Ok(())
    }

    /// Accepts the next connection. Pending forever while the port is closed or black-holed.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &self.state {
            State::Open(listener) => listener.accept().await,
            State::Closed | State::BlackHoled(..) => std::future::pending().await,
        }
    }
}

/// Binds a free port of the range. The first bind is without `SO_REUSEADDR`, which fails if another
/// socket has the port. The start depends on the process ID, to avoid collisions.
fn bind_free_port(addr: SocketAddr) -> io::Result<TcpSocket> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let all = PORT_RANGE.end - PORT_RANGE.start;
    for _ in 0..all {
        let nth =
            u32::from(NEXT.fetch_add(1, Ordering::Relaxed)) + std::process::id().wrapping_mul(97);
        let number =
            PORT_RANGE.start + u16::try_from(nth % u32::from(all)).expect("the remainder fits");
        let socket = new_socket(addr)?;
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

fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = new_socket(addr)?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

fn new_socket(addr: SocketAddr) -> io::Result<TcpSocket> {
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
    async fn port_reopens_while_another_process_has_a_copy_of_its_socket() {
        let mut port = Port::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let State::Open(listener) = &port.state else {
            panic!("it was opened")
        };
        let _copy = SockRef::from(listener).try_clone().unwrap();
        port.close();
        let refused = TcpStream::connect(port.addr).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        port.reopen().unwrap();
        TcpStream::connect(port.addr).await.unwrap();
    }

    #[tokio::test]
    async fn port_closes_black_holes_and_reopens() {
        let mut port = Port::open("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(
            PORT_RANGE.contains(&port.addr().port()),
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
        port.black_hole().await.unwrap();
        let connect = || timeout(Duration::from_millis(200), TcpStream::connect(port.addr));
        assert!(connect().await.is_err(), "SYN was answered");
        port.reopen().unwrap();
        let connect = || timeout(Duration::from_millis(200), TcpStream::connect(port.addr));
        connect().await.unwrap().unwrap();
    }
}
