//! `rate_limit` of the web configuration: a token bucket over all requests.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::exporter::web::RateLimit;

/// A token bucket that gains a token per interval, up to a burst.
#[derive(Debug)]
pub(super) struct RateLimiter {
    limit: RateLimit,
    /// When the bucket is full again.
    full_at: Mutex<Instant>,
}

impl RateLimiter {
    /// Returns a full bucket.
    pub(super) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            full_at: Mutex::new(Instant::now()),
        }
    }

    /// Takes a token; returns the time until the next one if there is none.
    pub(super) fn take(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let after = now.max(*full_at) + self.limit.interval;
        let latest = now + self.limit.interval * self.limit.burst;
        if after > latest {
            return Err(after - latest);
        }
        *full_at = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn burst_is_allowed_then_one_request_per_interval() {
        let limiter = RateLimiter::new(RateLimit {
            burst: 2,
            interval: Duration::from_secs(10),
        });
        assert_eq!(limiter.take(), Ok(()));
        assert_eq!(limiter.take(), Ok(()));
        assert_eq!(limiter.take(), Err(Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(limiter.take(), Err(Duration::from_secs(6)));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(limiter.take(), Ok(()));
        assert_eq!(limiter.take(), Err(Duration::from_secs(10)));
    }
}
