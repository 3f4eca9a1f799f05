//! A TCP socket that collects incoming data for a while and reads it in one batch.
//!
//! A watch of a large cluster receives hundreds of small chunks per second, and waking the task for
//! each of them costs most of its CPU time. A batching socket is therefore off the reactor, and a
//! timer wakes the task. The same task has to read and write.

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

/// Size of one read from the batch, in bytes.
const READ_BYTES: usize = 32 * 1024;

/// A TCP socket. Writes are never delayed.
#[derive(Debug)]
pub struct BatchingSocket {
    state: State,
    window: BatchWindow,
    /// Data of the current batch; the range has not been returned yet.
    batch: Vec<u8>,
    unread: Range<usize>,
    /// Whether data was read since the socket last ran dry.
    has_read: bool,
}

/// Time for which a socket collects data before it reads, in milliseconds; zero disables batching.
#[derive(Clone, Debug, Default)]
pub struct BatchWindow(Arc<AtomicU64>);

#[derive(Debug)]
enum State {
    /// The reactor wakes the task for every chunk.
    Registered(TcpStream),
    /// The timer wakes the task.
    Collecting(std::net::TcpStream, Pin<Box<Sleep>>),
    /// The collected data is read in large chunks.
    Reading(std::net::TcpStream),
    /// A transition between two states failed.
    Lost,
}

impl BatchingSocket {
    /// Wraps a TCP connection, without batching.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            state: State::Registered(stream),
            window: BatchWindow::default(),
            batch: Vec::new(),
            unread: 0..0,
            has_read: false,
        }
    }

    /// Returns the handle that sets the batch window.
    pub fn batch_window(&self) -> BatchWindow {
        self.window.clone()
    }

    /// Takes the socket off the reactor and starts the timer.
    fn collect(&mut self, span: Duration) -> io::Result<()> {
        self.has_read = false;
        let stream = match mem::replace(&mut self.state, State::Lost) {
            State::Registered(stream) => stream.into_std()?,
            State::Collecting(stream, _) | State::Reading(stream) => stream,
            State::Lost => return Err(lost()),
        };
        self.state = State::Collecting(stream, Box::pin(sleep(span)));
        Ok(())
    }

    /// Puts the socket back on the reactor.
    fn registered(&mut self) -> io::Result<&mut TcpStream> {
        if !matches!(self.state, State::Registered(_)) {
            self.state = match mem::replace(&mut self.state, State::Lost) {
                State::Collecting(stream, _) | State::Reading(stream) => {
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
            // The same task reads, and its timer no longer exists.
            cx.waker().wake_by_ref();
        }
        self.registered().map(Pin::new)
    }
}

impl BatchWindow {
    /// Sets the window; zero disables batching.
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

impl AsyncRead for BatchingSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.unread.is_empty() {
                let end = this.unread.end.min(this.unread.start + buf.remaining());
                buf.put_slice(&this.batch[this.unread.start..end]);
                this.unread.start = end;
                return Poll::Ready(Ok(()));
            }
            match &mut this.state {
                State::Registered(stream) => match Pin::new(stream).poll_read(cx, buf) {
                    Poll::Pending => {}
                    read @ Poll::Ready(_) => {
                        this.has_read = true;
                        return read;
                    }
                },
                State::Collecting(_, timer) => {
                    ready!(timer.as_mut().poll(cx));
                    let State::Collecting(stream, _) = mem::replace(&mut this.state, State::Lost)
                    else {
                        continue;
                    };
                    this.state = State::Reading(stream);
                    continue;
                }
                State::Reading(stream) => {
                    if this.batch.is_empty() {
                        this.batch = vec![0; READ_BYTES];
                    }
                    match stream.read(&mut this.batch) {
                        Ok(0) => return Poll::Ready(Ok(())),
                        Ok(bytes) => {
                            this.unread = 0..bytes;
                            this.has_read = true;
                            continue;
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            this.batch = Vec::new();
                        }
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
                State::Lost => return Poll::Ready(Err(lost())),
            }
            // No more data is available.
            match this.window.span().filter(|_| this.has_read) {
                Some(span) => this.collect(span)?,
                None if matches!(this.state, State::Registered(_)) => return Poll::Pending,
                None => {
                    this.registered()?;
                }
            }
        }
    }
}

impl AsyncWrite for BatchingSocket {
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
        "the socket could not be moved on or off the reactor",
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

    /// Records that it was woken.
    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    async fn pair() -> (BatchingSocket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (ours, (theirs, _)) = (ours.unwrap(), theirs.unwrap());
        theirs.set_nodelay(true).unwrap();
        (BatchingSocket::new(ours), theirs)
    }

    /// Returns a socket that has read a chunk and is collecting.
    async fn collecting() -> (BatchingSocket, TcpStream) {
        let (mut socket, mut peer) = pair().await;
        socket.batch_window().set(SPAN);
        peer.write_all(b"first").await.unwrap();
        assert_eq!(
            read_some(&mut socket).await,
            b"first",
            "the first chunk is not delayed"
        );
        assert!(socket.read_u8().now_or_never().is_none());
        assert!(matches!(socket.state, State::Collecting(..)), "{socket:?}");
        (socket, peer)
    }

    async fn read_some(socket: &mut BatchingSocket) -> Vec<u8> {
        let mut bytes = vec![0; 4 * READ_BYTES];
        let length = socket.read(&mut bytes).await.unwrap();
        bytes.truncate(length);
        bytes
    }

    #[tokio::test(start_paused = true)]
    async fn chunks_within_the_window_are_read_in_one_batch() {
        let (mut socket, mut peer) = collecting().await;
        for piece in [b"second", b"-third"] {
            peer.write_all(piece).await.unwrap();
        }
        assert_eq!(read_some(&mut socket).await, b"second-third");
        assert!(socket.read_u8().now_or_never().is_none());
        assert!(
            matches!(socket.state, State::Collecting(..)),
            "the next batch is collected: {socket:?}"
        );
        tokio::time::advance(2 * SPAN).await;
        assert!(socket.read_u8().now_or_never().is_none());
        assert!(
            matches!(socket.state, State::Registered(_)),
            "nothing was collected: {socket:?}"
        );
        let (last, ()) = tokio::join!(read_some(&mut socket), async {
            peer.write_all(b"last").await.unwrap();
        });
        assert_eq!(last, b"last");
    }

    #[tokio::test(start_paused = true)]
    async fn write_while_reading_a_batch_is_not_delayed_and_loses_no_data() {
        let (mut socket, mut peer) = collecting().await;
        peer.write_all(&vec![b'a'; 2 * READ_BYTES]).await.unwrap();
        let mut begin = [0; 10];
        socket.read_exact(&mut begin).await.unwrap();
        assert!(matches!(socket.state, State::Reading(_)), "{socket:?}");
        socket.write_all(b"question").await.unwrap();
        let mut question = [0; 8];
        peer.read_exact(&mut question).await.unwrap();
        assert_eq!(&question, b"question");
        peer.write_all(b"result").await.unwrap();
        let mut rest = vec![0; 2 * READ_BYTES - begin.len() + b"result".len()];
        socket.read_exact(&mut rest).await.unwrap();
        assert!(rest.ends_with(b"aresult"), "in order and whole");
        assert_eq!(
            begin
                .iter()
                .chain(&rest)
                .filter(|byte| **byte == b'a')
                .count(),
            2 * READ_BYTES
        );
    }

    #[tokio::test(start_paused = true)]
    async fn response_to_a_write_while_collecting_is_read() {
        let (mut socket, mut peer) = collecting().await;
        let exchange = async {
            let mut written = false;
            std::future::poll_fn(|cx| {
                let mut bytes = [0; 6];
                let mut buf = ReadBuf::new(&mut bytes);
                match Pin::new(&mut socket).poll_read(cx, &mut buf) {
                    Poll::Ready(read) => return Poll::Ready(read.map(|()| buf.filled().to_vec())),
                    Poll::Pending if written => {}
                    Poll::Pending => {
                        written = Pin::new(&mut socket).poll_write(cx, b"question").is_ready();
                    }
                }
                Poll::Pending
            })
            .await
        };
        let peer_task = async {
            let mut question = [0; 8];
            peer.read_exact(&mut question).await.unwrap();
            peer.write_all(b"result").await.unwrap();
        };
        let (response, ()) = tokio::join!(exchange, peer_task);
        assert_eq!(response.unwrap(), b"result");
    }

    #[tokio::test(start_paused = true)]
    async fn write_wakes_the_task_that_waits_for_the_timer() {
        let (mut socket, _peer) = collecting().await;
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
        // Just registered, the socket does not know yet whether it is writable.
        let _ = Pin::new(&mut socket).poll_write(&mut cx, b"question");
        assert!(matches!(socket.state, State::Registered(_)), "{socket:?}");
        assert!(woken.0.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn end_of_stream_follows_the_collected_data() {
        let (mut socket, mut peer) = collecting().await;
        peer.write_all(b"last data").await.unwrap();
        drop(peer);
        assert_eq!(read_some(&mut socket).await, b"last data");
        assert!(read_some(&mut socket).await.is_empty());
    }
}
