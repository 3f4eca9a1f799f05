//! How much of logs may be read: they are foreign, and may be written faster than anybody reads.

use std::time::{Duration, Instant};

/// So much is read in a minute, of all containers together, in bytes.
const A_MINUTE: usize = 256 * 1024;
/// So much at once, in bytes: what an answer keeps of its body.
const AT_ONCE: usize = 63 * 1024;
/// So much of it is left to those that write little, in bytes.
const RESERVE: usize = A_MINUTE / 4;
/// Less is not worth a request.
const LEAST: usize = 4 * 1024;

/// What was read in the present minute.
#[derive(Debug, Default)]
pub(super) struct Budget {
    began: Option<Instant>,
    read: usize,
    /// What is left to the container whose turn it is.
    quota: usize,
}

impl Budget {
    /// The next container's turn, of so many that wait for theirs: what it leaves is for those behind it. One that wrote
    /// more than was read leaves a reserve to the others.
    pub(super) fn turn(&mut self, waiting: usize, wrote_more: bool) {
        if self
            .began
            .is_none_or(|began| began.elapsed() > Duration::from_mins(1))
        {
            *self = Self {
                began: Some(Instant::now()),
                ..Self::default()
            };
        }
        let reserve = if wrote_more { RESERVE } else { 0 };
        let left = A_MINUTE.saturating_sub(self.read + reserve);
        self.quota = (left / waiting.max(1)).max(LEAST).min(left);
    }

    /// How much may be read now; nothing when the share in this minute is used up.
    pub(super) fn share(&self) -> Option<usize> {
        let left = self.quota.min(AT_ONCE);
        (left >= LEAST).then_some(left)
    }

    /// So much was read.
    pub(super) fn take(&mut self, bytes: usize) {
        self.read += bytes;
        self.quota = self.quota.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one container reads in its turn that writes without end.
    fn all(budget: &mut Budget, waiting: usize) -> usize {
        budget.turn(waiting, false);
        let mut read = 0;
        while let Some(share) = budget.share() {
            budget.take(share);
            read += share;
        }
        read
    }

    #[test]
    fn a_minute_holds_so_much_and_not_more() {
        let mut budget = Budget::default();
        let read = all(&mut budget, 1);
        assert!(read <= A_MINUTE && read > A_MINUTE - LEAST, "{read}");
        assert_eq!(all(&mut budget, 1), 0);
        let mut budget = Budget::default();
        budget.turn(1, true);
        assert_eq!(budget.quota, A_MINUTE - RESERVE);
    }

    #[test]
    fn whoever_reads_without_end_leaves_as_much_to_each_of_the_others() {
        let mut budget = Budget::default();
        let read: Vec<usize> = (1..=8)
            .rev()
            .map(|waiting| all(&mut budget, waiting))
            .collect();
        assert!(
            read.iter().all(|read| A_MINUTE / 8 - read < LEAST),
            "{read:?}"
        );
        let mut budget = Budget::default();
        assert!(all(&mut budget, 2) > AT_ONCE);
        budget.turn(1, false);
        budget.take(100);
        assert!(
            all(&mut budget, 1) > 2 * AT_ONCE - LEAST,
            "what is left by one is for the other"
        );
    }
}
