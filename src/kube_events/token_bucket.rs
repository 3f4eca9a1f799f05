//! A token bucket that limits the rate of Events.

use std::time::{Duration, Instant};

/// Number of Events that can be written at once.
const CAPACITY: u32 = 10;
/// Time after which another one can be written.
const REFILL_INTERVAL: Duration = Duration::from_secs(30);

/// Tokens, each for one Event.
#[derive(Debug)]
pub struct TokenBucket {
    tokens: u32,
    /// When tokens were last added.
    refilled: Instant,
}

impl TokenBucket {
    /// Returns a full bucket.
    pub fn new(now: Instant) -> Self {
        Self {
            tokens: CAPACITY,
            refilled: now,
        }
    }

    /// Takes a token; returns whether there was one.
    pub fn take(&mut self, now: Instant) -> bool {
        let intervals = now.duration_since(self.refilled).as_nanos() / REFILL_INTERVAL.as_nanos();
        let earned = u32::try_from(intervals).unwrap_or(CAPACITY).min(CAPACITY);
        self.tokens = (self.tokens + earned).min(CAPACITY);
        if self.tokens == CAPACITY {
            self.refilled = now;
        } else {
            self.refilled += REFILL_INTERVAL * earned;
        }
        let taken = self.tokens > 0;
        self.tokens -= u32::from(taken);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut TokenBucket, now: Instant) -> usize {
        (0..100).filter(|_| bucket.take(now)).count()
    }

    #[test]
    fn burst_is_limited_and_refills_over_time() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(start);
        assert_eq!(taken(&mut bucket, start), 10);
        assert_eq!(taken(&mut bucket, start + REFILL_INTERVAL / 2), 0);
        assert_eq!(taken(&mut bucket, start + REFILL_INTERVAL), 1);
        assert_eq!(taken(&mut bucket, start + REFILL_INTERVAL * 3), 2);
        assert_eq!(taken(&mut bucket, start + REFILL_INTERVAL * 1000), 10);
    }
}
