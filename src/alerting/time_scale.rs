//! Durations in rules, and how a test shortens them all alike.

use std::time::Duration;

/// Which part of its length a duration keeps: 1 in the committed files, less in a test that cannot wait.
#[derive(Clone, Copy, Debug)]
pub struct TimeScale {
    factor: f64,
}

impl TimeScale {
    /// As committed.
    pub const REAL_TIME: Self = Self { factor: 1.0 };

    /// So many times as fast.
    pub fn faster(times: u32) -> Self {
        Self {
            factor: 1.0 / f64::from(times.max(1)),
        }
    }

    /// A duration as Prometheus writes it; never shorter than a millisecond unless it is none.
    pub fn format(self, duration: Duration) -> String {
        let scaled = duration.mul_f64(self.factor);
        let millis = if duration.is_zero() {
            0
        } else {
            scaled.as_millis().max(1)
        };
        written(millis)
    }
}

/// The largest unit that divides it.
fn written(millis: u128) -> String {
    const UNITS: [(u128, &str); 4] = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ];
    let unit = UNITS
        .iter()
        .find(|(length, _)| millis > 0 && millis.is_multiple_of(*length));
    unit.map_or_else(
        || {
            if millis == 0 {
                "0s".to_owned()
            } else {
                format!("{millis}ms")
            }
        },
        |(length, unit)| format!("{}{unit}", millis / length),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_in_its_largest_whole_unit() {
        for (seconds, text) in [
            (0, "0s"),
            (30, "30s"),
            (90, "90s"),
            (300, "5m"),
            (5400, "90m"),
            (86_400, "1d"),
        ] {
            assert_eq!(
                TimeScale::REAL_TIME.format(Duration::from_secs(seconds)),
                text
            );
        }
    }

    #[test]
    fn a_test_may_shorten_it_but_not_to_nothing() {
        assert_eq!(TimeScale::faster(30).format(Duration::from_mins(5)), "10s");
        assert_eq!(TimeScale::faster(7).format(Duration::from_secs(1)), "142ms");
        assert_eq!(
            TimeScale::faster(9000).format(Duration::from_secs(1)),
            "1ms"
        );
        assert_eq!(TimeScale::faster(7).format(Duration::ZERO), "0s");
    }
}
