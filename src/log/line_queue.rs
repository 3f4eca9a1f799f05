//! A bounded queue of log lines in front of a thread that writes them.
//!
//! A pipe without a reader blocks the writer. It must block neither probes nor the HTTP server, so
//! lines that do not fit into the queue are dropped and counted.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Size of the lines that wait to be written; about a thousand lines.
const MAX_QUEUED_BYTES: usize = 256 * 1024;
/// Time that the last lines of the process have to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// Accepts lines without blocking.
#[derive(Clone, Debug, Default)]
pub(super) struct LineQueue(Arc<Shared>);

/// Waits on drop until the lines logged so far are written, for at most half a second.
#[derive(Debug)]
#[must_use = "dropping it waits for the log to be written"]
pub struct LogFlush(Option<LineQueue>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
    /// Whether the thread holds a line that is not written yet.
    writing: bool,
}

impl LineQueue {
    /// Starts the thread that writes the lines; `dropped_lines` renders the line about dropped ones.
    pub(super) fn start(
        output: impl Write + Send + 'static,
        dropped_lines: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Self::default();
        let lines = queue.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || lines.write_to(output, &dropped_lines))?;
        Ok(queue)
    }

    fn write_to(&self, mut output: impl Write, dropped_lines: &dyn Fn(u64) -> String) {
        loop {
            let line = self.next(dropped_lines);
            // A log that cannot be written cannot be reported either.
            let _ = output.write_all(&line);
            self.state().writing = false;
            self.0.changed.notify_all();
        }
    }

    fn next(&self, dropped_lines: &dyn Fn(u64) -> String) -> Vec<u8> {
        let mut state = self
            .0
            .changed
            .wait_while(self.state(), |state| {
                state.lines.is_empty() && state.dropped == 0
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.writing = true;
        let Some(line) = state.lines.pop_front() else {
            let dropped = std::mem::take(&mut state.dropped);
            return dropped_lines(dropped).into_bytes();
        };
        state.bytes -= line.len();
        line
    }

    fn flush(&self, timeout: Duration) {
        let unwritten =
            |state: &mut State| state.writing || !state.lines.is_empty() || state.dropped > 0;
        let _ = self
            .0
            .changed
            .wait_timeout_while(self.state(), timeout, unwritten);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LineQueue {
    /// Queues a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        // Once a line is dropped, so are all until the queue is empty: the gap stays in one place.
        if state.dropped > 0 || state.bytes + line.len() > MAX_QUEUED_BYTES {
            state.dropped += 1;
        } else {
            state.bytes += line.len();
            state.lines.push_back(line.to_owned());
        }
        drop(state);
        self.0.changed.notify_all();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogFlush {
    pub(super) fn new(queue: Option<LineQueue>) -> Self {
        Self(queue)
    }
}

impl Drop for LogFlush {
    fn drop(&mut self) {
        if let Some(queue) = &self.0 {
            queue.flush(FLUSH_TIMEOUT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// An output that blocks each write until the test continues.
    struct StalledOutput {
        permits: mpsc::Receiver<()>,
        written: mpsc::Sender<String>,
    }

    impl Write for StalledOutput {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.permits.recv();
            let _ = self
                .written
                .send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn stalled_output_drops_and_counts_lines() {
        let (permits, awaited) = mpsc::channel();
        let (written, lines) = mpsc::channel();
        let output = StalledOutput {
            permits: awaited,
            written,
        };
        let mut queue =
            LineQueue::start(output, |dropped| format!("{dropped} lines dropped\n")).unwrap();
        let line = [b'x'; 1024];
        for _ in 0..2000 {
            queue.write_all(&line).unwrap();
        }
        drop(permits);
        queue.flush(Duration::from_secs(20));
        let lines: Vec<_> = lines.try_iter().collect();
        let (last, kept) = lines.split_last().unwrap();
        assert!((256..2000).contains(&kept.len()), "{}", kept.len());
        assert_eq!(*last, format!("{} lines dropped\n", 2000 - kept.len()));
        queue.write_all(b"next\n").unwrap();
        queue.flush(Duration::from_secs(20));
        assert!(queue.state().lines.is_empty());
    }
}
