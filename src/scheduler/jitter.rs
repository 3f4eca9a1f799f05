//! Jitter, so that a fleet does not send its requests at the same moment.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// Returns a random moment within a span.
pub fn within(span: Duration) -> Duration {
    span.mul_f64(fraction())
}

/// Returns an interval, randomly up to a tenth shorter or longer.
pub fn around(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * fraction())
}

/// Returns a random number in 0..1; the standard library's randomly seeded hasher is random enough.
fn fraction() -> f64 {
    let random = RandomState::new().hash_one(());
    f64::from(u32::try_from(random >> 32).expect("the upper half of 64 bits fits 32"))
        / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_ten_percent() {
        for _ in 0..1000 {
            let interval = around(Duration::from_secs(10));
            assert!(
                (Duration::from_secs(9)..=Duration::from_secs(11)).contains(&interval),
                "{interval:?}"
            );
            assert!(within(Duration::from_secs(1)) <= Duration::from_secs(1));
        }
    }
}
