//! How much of logs may be read: they are foreign, and may be written faster than anybody reads.

use std::time::Duration;
use std::time::Instant;

/// So much is read in a minute, of all containers together, in bytes.
const A_MINUTE: usize = 256 * 1024;
/// So much at once, in bytes: what an answer keeps of its body.
const AT_ONCE: usize = 63 * 1024;
/// Less is not worth a request.
const LEAST: usize = 4 * 1024;

/// What was read in the present minute.
#[derive(Debug, Default)]
pub(super) struct Budget {
    began: Option<Instant>,
    read: usize,
}

impl Budget {
    /// How much may be read now; nothing when this minute's share is used up.
    pub(super) fn share(&mut self) -> Option<usize> {
        if self.began.is_none_or(|began| began.elapsed() > Duration::from_mins(1)) {
            *self = Self { began: Some(Instant::now()), read: 0 };
        }
        let left = A_MINUTE.saturating_sub(self.read).min(AT_ONCE);
        (left >= LEAST).then_some(left)
    }

    /// So much was read.
    pub(super) fn take(&mut self, bytes: usize) {
        self.read += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_holds_so_much_and_not_more() {
        let mut budget = Budget::default();
        let mut read = 0;
        while let Some(share) = budget.share() {
            budget.take(share);
            read += share;
        }
        assert!(read <= A_MINUTE && read > A_MINUTE - LEAST, "{read}");
    }
}
