//! `rate_limit`: limits the requests of all clients together.

use std::time::Duration;

use crate::config::config_error::ConfigErrors;
use crate::config::exporter::file::File;
use crate::config::sourced_value::InvalidValue;
use crate::config::values;

/// A token bucket over all requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimit {
    /// Capacity of the bucket, at least 1.
    pub burst: u32,
    /// Time in which the bucket gains one token, not zero.
    pub interval: Duration,
}

/// Longest interval; with any burst, the time to fill the bucket stays representable.
const MAX_INTERVAL: Duration = Duration::from_hours(1);
/// Largest burst.
const MAX_BURST: u32 = 1_000_000;

/// Reads the limit; `None` without an interval, as in the exporter-toolkit.
pub(super) fn read(file: &File, problems: &mut ConfigErrors) -> Option<RateLimit> {
    let written = file.one("rate_limit.burst");
    let burst = written.and_then(|written| written.noting(problems, burst));
    let interval = file
        .one("rate_limit.interval")?
        .noting(problems, interval)
        .filter(|interval| !interval.is_zero())?;
    if written.is_none() {
        let wrong = InvalidValue::new("is set without rate_limit.burst", "add rate_limit.burst");
        problems.0.extend(
            file.one("rate_limit.interval")
                .map(|written| written.problem(wrong)),
        );
    }
    Some(RateLimit {
        burst: burst?,
        interval,
    })
}

fn burst(text: &str) -> Result<u32, InvalidValue> {
    let burst = text.parse().ok();
    burst
        .filter(|burst| (1..=MAX_BURST).contains(burst))
        .ok_or_else(|| {
            InvalidValue::new(
                format!("{} is not a valid burst", values::shown(text)),
                format!("a number from 1 to {MAX_BURST}"),
            )
        })
}

fn interval(text: &str) -> Result<Duration, InvalidValue> {
    let interval = values::duration(text)?;
    if interval > MAX_INTERVAL {
        return Err(InvalidValue::new(
            format!("{} is too long", values::shown(text)),
            "at most 1h",
        ));
    }
    Ok(interval)
}
