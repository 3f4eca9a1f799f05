//! Limits the work that the sender of a long response can cause.

use std::time::{Duration, Instant};

use tokio::time::sleep;

/// Work per second that a sender may cause, in bytes.
const RATE: u32 = 32 << 20;
/// Work that a sender may cause at once, in bytes.
const BURST: f64 = 64.0 * 1024.0 * 1024.0;
/// Work of receiving a chunk, however small, in bytes.
const CHUNK_COST: u32 = 1024;

/// The work that a sender may still cause. When it is used up, reading pauses, so that TCP slows
/// the sender down.
#[derive(Debug)]
pub(super) struct Pace {
    allowance: f64,
    updated: Instant,
}

impl Pace {
    /// Starts with a full allowance.
    pub(super) fn start() -> Self {
        Self {
            allowance: BURST,
            updated: Instant::now(),
        }
    }

    /// Counts a chunk, and waits until its work is allowed.
    pub(super) async fn wait(&mut self, bytes: usize) {
        let pause = self.count(bytes, Instant::now());
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }

    fn count(&mut self, bytes: usize, now: Instant) -> Duration {
        let elapsed = now.saturating_duration_since(self.updated).as_secs_f64();
        let cost = f64::from(CHUNK_COST) + f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.updated = now;
        self.allowance = (self.allowance + elapsed * f64::from(RATE)).min(BURST) - cost;
        Duration::from_secs_f64((-self.allowance).max(0.0) / f64::from(RATE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_bytes_are_limited_like_large_chunks() {
        for (bytes, chunks) in [(1, 2 << 16), (1 << 20, 128)] {
            let mut pace = Pace::start();
            let now = pace.updated;
            let pauses: Vec<_> = (0..chunks).map(|_| pace.count(bytes, now)).collect();
            assert_eq!(pauses[0], Duration::ZERO, "a burst is not delayed");
            let last = pauses[chunks - 1].as_secs_f64();
            assert!((1.5..3.0).contains(&last), "{bytes}: {last}");
            let later = now + Duration::from_mins(1);
            assert_eq!(pace.count(bytes, later), Duration::ZERO);
        }
    }
}
