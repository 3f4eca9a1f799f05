//! Durations in rules, and the factor by which tests shorten them.

use std::time::Duration;

/// Factor for every duration: 1 in the committed files, less in tests.
#[derive(Clone, Copy, Debug)]
pub struct TimeScale {
    factor: f64,
}

impl TimeScale {
    /// Durations as committed.
    pub const REAL_TIME: Self = Self { factor: 1.0 };

    /// Divides every duration by a number.
    pub fn faster(times: u32) -> Self {
        Self {
            factor: 1.0 / f64::from(times.max(1)),
        }
    }

    /// Formats a duration for Prometheus; a non-zero duration has at least one millisecond.
    pub fn format(self, duration: Duration) -> String {
        let scaled = duration.mul_f64(self.factor);
        let millis = if duration.is_zero() {
            0
        } else {
            scaled.as_millis().max(1)
        };
        in_largest_unit(millis)
    }
}

/// Formats milliseconds in the largest unit without a fraction.
fn in_largest_unit(millis: u128) -> String {
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
    fn duration_has_largest_whole_unit() {
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
    fn shortened_duration_has_at_least_one_millisecond() {
        assert_eq!(TimeScale::faster(30).format(Duration::from_mins(5)), "10s");
        assert_eq!(TimeScale::faster(7).format(Duration::from_secs(1)), "142ms");
        assert_eq!(
            TimeScale::faster(9000).format(Duration::from_secs(1)),
            "1ms"
        );
        assert_eq!(TimeScale::faster(7).format(Duration::ZERO), "0s");
    }
}
