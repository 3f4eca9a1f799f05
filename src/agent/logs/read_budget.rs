//! Limits the bytes of logs that are read, because containers may write without limit.

use std::time::{Duration, Instant};

/// Bytes per minute, for all containers together.
const BYTES_PER_MINUTE: usize = 256 * 1024;
/// Bytes per request; a response body is limited to 64 KiB.
const MAX_REQUEST_BYTES: usize = 63 * 1024;
/// Bytes per minute that are reserved for containers that write little.
const RESERVED_BYTES: usize = BYTES_PER_MINUTE / 4;
/// Fewer bytes are not worth a request.
const MIN_REQUEST_BYTES: usize = 4 * 1024;

/// The bytes that were read in the current minute.
#[derive(Debug, Default)]
pub(super) struct ReadBudget {
    minute_began: Option<Instant>,
    read: usize,
    /// Bytes that the current container may still read.
    quota: usize,
}

impl ReadBudget {
    /// Allots a share to the next of the remaining containers. A container that is behind leaves
    /// the reserve to the others.
    pub(super) fn allot(&mut self, remaining: usize, is_behind: bool) {
        if self
            .minute_began
            .is_none_or(|began| began.elapsed() > Duration::from_mins(1))
        {
            *self = Self {
                minute_began: Some(Instant::now()),
                ..Self::default()
            };
        }
        let reserved = if is_behind { RESERVED_BYTES } else { 0 };
        let left = BYTES_PER_MINUTE.saturating_sub(self.read + reserved);
        self.quota = (left / remaining.max(1)).max(MIN_REQUEST_BYTES).min(left);
    }

    /// Returns the size of the next request; `None` if the share is used up.
    pub(super) fn request_bytes(&self) -> Option<usize> {
        let left = self.quota.min(MAX_REQUEST_BYTES);
        (left >= MIN_REQUEST_BYTES).then_some(left)
    }

    /// Records bytes that were read.
    pub(super) fn record(&mut self, bytes: usize) {
        self.read += bytes;
        self.quota = self.quota.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the bytes that a container reads if it writes without limit.
    fn read_all(budget: &mut ReadBudget, remaining: usize) -> usize {
        budget.allot(remaining, false);
        let mut read = 0;
        while let Some(bytes) = budget.request_bytes() {
            budget.record(bytes);
            read += bytes;
        }
        read
    }

    #[test]
    fn bytes_per_minute_are_limited() {
        let mut budget = ReadBudget::default();
        let read = read_all(&mut budget, 1);
        assert!(
            read <= BYTES_PER_MINUTE && read > BYTES_PER_MINUTE - MIN_REQUEST_BYTES,
            "{read}"
        );
        assert_eq!(read_all(&mut budget, 1), 0);
        let mut budget = ReadBudget::default();
        budget.allot(1, true);
        assert_eq!(budget.quota, BYTES_PER_MINUTE - RESERVED_BYTES);
    }

    #[test]
    fn verbose_containers_leave_a_fair_share_to_the_others() {
        let mut budget = ReadBudget::default();
        let read: Vec<usize> = (1..=8)
            .rev()
            .map(|remaining| read_all(&mut budget, remaining))
            .collect();
        assert!(
            read.iter()
                .all(|read| BYTES_PER_MINUTE / 8 - read < MIN_REQUEST_BYTES),
            "{read:?}"
        );
        let mut budget = ReadBudget::default();
        assert!(read_all(&mut budget, 2) > MAX_REQUEST_BYTES);
        budget.allot(1, false);
        budget.record(100);
        assert!(
            read_all(&mut budget, 1) > 2 * MAX_REQUEST_BYTES - MIN_REQUEST_BYTES,
            "a container can use what another left"
        );
    }
}
