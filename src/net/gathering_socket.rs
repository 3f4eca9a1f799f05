//! A TCP connection that can let what arrives gather, and read it together.
//!
//! A watch of a large cluster speaks a hundred times a second, in small pieces, and to be woken for each is much of what
//! it costs to follow. A socket that gathers is therefore off the reactor, and a timer wakes it. One task reads and writes.

use std::io::Read;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{io, mem};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// So much of what has gathered is read at a time.
const HEAP: usize = 32 * 1024;

/// A connection. What it writes is never held back.
#[derive(Debug)]
pub struct Socket {
    state: State,
    gather: Gather,
    /// What was read of a heap, of which this part is still to be handed on.
    heap: Vec<u8>,
    unread: Range<usize>,
    /// Whether something was read since it last ran dry.
    heard: bool,
}

/// For how long a socket lets gather what arrives, in milliseconds; shared with whoever may change it.
#[derive(Clone, Debug, Default)]
pub struct Gather(Arc<AtomicU64>);

#[derive(Debug)]
enum State {
    /// The reactor wakes us for every piece.
    Registered(TcpStream),
    /// The timer does; then it is read.
    Gathering(std::net::TcpStream, Pin<Box<Sleep>>),
    /// What has gathered is read, in few large pieces.
    Reading(std::net::TcpStream),
    /// It was between two states when that failed.
    Lost,
}

impl Socket {
    /// One that is woken for every piece, until somebody says otherwise.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            state: State::Registered(stream),
            gather: Gather::default(),
            heap: Vec::new(),
            unread: 0..0,
            heard: false,
        }
    }

    /// What decides for how long it gathers.
    pub fn gather(&self) -> Gather {
        self.gather.clone()
    }

    /// Takes it off the reactor for a while.
    fn rest(&mut self, span: Duration) -> io::Result<()> {
        self.heard = false;
        let stream = match mem::replace(&mut self.state, State::Lost) {
            State::Registered(stream) => stream.into_std()?,
            State::Gathering(stream, _) | State::Reading(stream) => stream,
            State::Lost => return Err(lost()),
        };
        self.state = State::Gathering(stream, Box::pin(sleep(span)));
        Ok(())
    }

    /// Brings it back to the reactor.
    fn registered(&mut self) -> io::Result<&mut TcpStream> {
        if !matches!(self.state, State::Registered(_)) {
            self.state = match mem::replace(&mut self.state, State::Lost) {
                State::Gathering(stream, _) | State::Reading(stream) => {
                    State::Registered(TcpStream::from_std(stream)?)
                }
                other => other,
            };
        }
        if let State::Registered(stream) = &mut self.state {
            Ok(stream)
        } else {
            Err(lost())
        }
    }

    fn write_side(&mut self, cx: &Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        if !matches!(self.state, State::Registered(_)) {
            // Whoever reads is the same task, and waits for a timer that is gone now.
            cx.waker().wake_by_ref();
        }
        self.registered().map(Pin::new)
    }
}

impl Gather {
    /// From now on, for so long after something was read; zero is not at all.
    pub fn set(&self, span: Duration) {
        self.0.store(
            u64::try_from(span.as_millis()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    fn span(&self) -> Option<Duration> {
        let span = Duration::from_millis(self.0.load(Ordering::Relaxed));
        (!span.is_zero()).then_some(span)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.unread.is_empty() {
                let end = this.unread.end.min(this.unread.start + buf.remaining());
                buf.put_slice(&this.heap[this.unread.start..end]);
                this.unread.start = end;
                return Poll::Ready(Ok(()));
            }
            match &mut this.state {
                State::Registered(stream) => match Pin::new(stream).poll_read(cx, buf) {
                    Poll::Pending => {}
                    read @ Poll::Ready(_) => {
                        this.heard = true;
                        return read;
                    }
                },
                State::Gathering(_, timer) => {
                    ready!(timer.as_mut().poll(cx));
                    let State::Gathering(stream, _) = mem::replace(&mut this.state, State::Lost)
                    else {
                        continue;
                    };
                    this.state = State::Reading(stream);
                    continue;
                }
                State::Reading(stream) => {
                    if this.heap.is_empty() {
                        this.heap = vec![0; HEAP];
                    }
                    match stream.read(&mut this.heap) {
                        Ok(0) => return Poll::Ready(Ok(())),
                        Ok(bytes) => {
                            this.unread = 0..bytes;
                            this.heard = true;
                            continue;
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            this.heap = Vec::new()
                        }
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
                State::Lost => return Poll::Ready(Err(lost())),
            }
            // It has run dry.
            match this.gather.span().filter(|_| this.heard) {
                Some(span) => this.rest(span)?,
                None if matches!(this.state, State::Registered(_)) => return Poll::Pending,
                None => {
                    this.registered()?;
                }
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write_side(cx)?.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TCP has nothing to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().write_side(cx)?.poll_shutdown(cx)
    }
}

fn lost() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotConnected,
        "the connection was lost between two ways to wait for it",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::{Wake, Waker};

    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const SPAN: Duration = Duration::from_millis(100);

    /// Notes that it was woken.
    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    async fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (ours, (theirs, _)) = (ours.unwrap(), theirs.unwrap());
        theirs.set_nodelay(true).unwrap();
        (Socket::new(ours), theirs)
    }

    /// A socket that has just heard something, and gathers.
    async fn gathering() -> (Socket, TcpStream) {
        let (mut socket, mut peer) = pair().await;
        socket.gather().set(SPAN);
        peer.write_all(b"first").await.unwrap();
        assert_eq!(
            some(&mut socket).await,
            b"first",
            "the first piece of a heap does not wait"
        );
        assert!(socket.read_u8().now_or_never().is_none());
        assert!(matches!(socket.state, State::Gathering(..)), "{socket:?}");
        (socket, peer)
    }

    async fn some(socket: &mut Socket) -> Vec<u8> {
        let mut bytes = vec![0; 4 * HEAP];
        let length = socket.read(&mut bytes).await.unwrap();
        bytes.truncate(length);
        bytes
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_soon_after_a_piece_is_read_together_and_then_the_reactor_watches_again() {
        let (mut socket, mut peer) = gathering().await;
        for piece in [b"second", b"-third"] {
            peer.write_all(piece).await.unwrap();
        }
        assert_eq!(some(&mut socket).await, b"second-third");
        assert!(socket.read_u8().now_or_never().is_none());
        assert!(
            matches!(socket.state, State::Gathering(..)),
            "the next heap grows: {socket:?}"
        );
        tokio::time::advance(2 * SPAN).await;
        assert!(socket.read_u8().now_or_never().is_none());
        assert!(
            matches!(socket.state, State::Registered(_)),
            "nothing has gathered: {socket:?}"
        );
        let (last, ()) = tokio::join!(some(&mut socket), async {
            peer.write_all(b"last").await.unwrap()
        });
        assert_eq!(last, b"last");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_writes_meanwhile_does_not_wait_and_nothing_is_lost() {
        let (mut socket, mut peer) = gathering().await;
        peer.write_all(&vec![b'a'; 2 * HEAP]).await.unwrap();
        let mut begin = [0; 10];
        socket.read_exact(&mut begin).await.unwrap();
        assert!(matches!(socket.state, State::Reading(_)), "{socket:?}");
        socket.write_all(b"question").await.unwrap();
        let mut question = [0; 8];
        peer.read_exact(&mut question).await.unwrap();
        assert_eq!(&question, b"question");
        peer.write_all(b"answer").await.unwrap();
        let mut rest = vec![0; 2 * HEAP - begin.len() + b"answer".len()];
        socket.read_exact(&mut rest).await.unwrap();
        assert!(rest.ends_with(b"aanswer"), "in order and whole");
        assert_eq!(
            begin
                .iter()
                .chain(&rest)
                .filter(|byte| **byte == b'a')
                .count(),
            2 * HEAP + 1
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_what_is_written_meanwhile_is_heard() {
        let (mut socket, mut peer) = gathering().await;
        let exchange = async {
            let mut written = false;
            std::future::poll_fn(|cx| {
                let mut bytes = [0; 6];
                let mut buf = ReadBuf::new(&mut bytes);
                match Pin::new(&mut socket).poll_read(cx, &mut buf) {
                    Poll::Ready(read) => return Poll::Ready(read.map(|()| buf.filled().to_vec())),
                    Poll::Pending if written => {}
                    Poll::Pending => {
                        written = Pin::new(&mut socket).poll_write(cx, b"question").is_ready()
                    }
                }
                Poll::Pending
            })
            .await
        };
        let answer = async {
            let mut question = [0; 8];
            peer.read_exact(&mut question).await.unwrap();
            peer.write_all(b"answer").await.unwrap();
        };
        let (heard, ()) = tokio::join!(exchange, answer);
        assert_eq!(heard.unwrap(), b"answer");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_the_timer_is_woken_when_a_write_ends_it() {
        let (mut socket, _peer) = gathering().await;
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let mut bytes = [0; 6];
        assert!(
            Pin::new(&mut socket)
                .poll_read(&mut cx, &mut ReadBuf::new(&mut bytes))
                .is_pending()
        );
        assert!(!woken.0.load(Ordering::Relaxed));
        // Fresh with the reactor, it cannot say yet whether it may write.
        let _ = Pin::new(&mut socket).poll_write(&mut cx, b"question");
        assert!(matches!(socket.state, State::Registered(_)), "{socket:?}");
        assert!(woken.0.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_seen_behind_what_has_gathered() {
        let (mut socket, mut peer) = gathering().await;
        peer.write_all(b"last words").await.unwrap();
        drop(peer);
        assert_eq!(some(&mut socket).await, b"last words");
        assert!(some(&mut socket).await.is_empty());
    }
}
