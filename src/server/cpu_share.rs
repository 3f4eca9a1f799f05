//! Limits the share of a core that unauthenticated clients can occupy.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Pause after work, as a multiple of its duration: four leave the work a fifth of a core.
const PAUSE_PER_WORK: u32 = 4;
/// Longest pause, so that a bcrypt hash of high cost does not block the next client for minutes.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Limits work to a share of a core: each piece is followed by a proportional pause.
///
/// Work that the kernel throttled took longer and is followed by a longer pause.
#[derive(Debug)]
pub(super) struct CpuShare {
    available_at: Mutex<Instant>,
}

impl Default for CpuShare {
    fn default() -> Self {
        Self {
            available_at: Mutex::new(Instant::now()),
        }
    }
}

impl CpuShare {
    /// Waits until the pauses of earlier work are over.
    pub(super) async fn available(&self) {
        loop {
            let at = *self
                .available_at
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if at <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(at).await;
        }
    }

    /// Adds the pause that follows work of this duration.
    pub(super) fn charge(&self, spent: Duration) {
        let now = Instant::now();
        let mut available_at = self
            .available_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let paused = now.max(*available_at) + spent * PAUSE_PER_WORK;
        *available_at = paused.min(now + MAX_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_is_followed_by_a_pause_of_four_times_its_duration() {
        let share = CpuShare::default();
        let began = Instant::now();
        share.available().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        share.charge(Duration::from_millis(5));
        share.charge(Duration::from_millis(5));
        share.available().await;
        assert!(began.elapsed() >= Duration::from_millis(40));
    }

    #[tokio::test(start_paused = true)]
    async fn pause_is_bounded() {
        let share = CpuShare::default();
        let began = Instant::now();
        share.charge(Duration::from_secs(20));
        share.available().await;
        assert!(began.elapsed() <= MAX_PAUSE + Duration::from_millis(1));
    }
}
