//! Moments and durations in words.

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, Unit};
use maud::{Markup, html};

use crate::pages::text::counted;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Returns the time from one moment to another, at least zero.
pub(super) fn between(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

/// Returns a duration for a sentence: `14 minutes`.
pub(super) fn long(duration: Duration) -> String {
    let (count, unit) = rounded(duration);
    counted(usize::try_from(count).unwrap_or(usize::MAX), unit)
}

/// Returns a duration for a table: `14 min`.
pub(super) fn short(duration: Duration) -> String {
    let (count, unit) = rounded(duration);
    let unit = match unit {
        "second" => "s",
        "minute" => "min",
        "hour" => "h",
        _ => "d",
    };
    format!("{count} {unit}")
}

/// Returns the number of whole units; the larger unit is used from two of it on, so that the number
/// stays exact enough.
fn rounded(duration: Duration) -> (u64, &'static str) {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / MINUTE, "minute"),
        7_200..172_800 => (seconds / HOUR, "hour"),
        _ => (seconds / DAY, "day"),
    }
}

/// Returns the duration of a phase: `45 ms`, `1.2 s`.
pub(super) fn latency(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "<1 ms".to_owned(),
        1..1000 => format!("{millis} ms"),
        1000..10_000 if !millis.is_multiple_of(1000) => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} s", duration.as_secs()),
    }
}

/// Returns a moment in UTC: `2026-11-30 04:12:07 UTC`.
pub(super) fn moment(at: SystemTime) -> String {
    timestamp(at).map_or_else(String::new, |at| at.strftime("%F %T UTC").to_string())
}

/// Returns a moment for a list within one day: `04:12:07`, with the date if it is another day.
pub(super) fn clock(at: SystemTime, now: SystemTime) -> String {
    let (Some(at), Some(now)) = (timestamp(at), timestamp(now)) else {
        return String::new();
    };
    let same_day = at.strftime("%F").to_string() == now.strftime("%F").to_string();
    let format = if same_day { "%T" } else { "%b %-d, %T" };
    at.strftime(format).to_string()
}

/// Marks up words about a moment, with the exact moment for programs and for the pointer.
pub(super) fn time(at: SystemTime, words: &str) -> Markup {
    let exact = timestamp(at).map_or_else(String::new, |at| at.to_string());
    html! { time datetime=(exact) title=(moment(at)) { (words) } }
}

fn timestamp(at: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(at).ok()?.round(Unit::Second).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_down_to_a_unit_that_people_use() {
        for (seconds, in_words, in_tables) in [
            (0, "0 seconds", "0 s"),
            (1, "1 second", "1 s"),
            (119, "119 seconds", "119 s"),
            (14 * 60 + 59, "14 minutes", "14 min"),
            (119 * 60, "119 minutes", "119 min"),
            (47 * 3600, "47 hours", "47 h"),
            (10 * 86_400, "10 days", "10 d"),
        ] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(long(duration), in_words);
            assert_eq!(short(duration), in_tables);
        }
    }

    #[test]
    fn latencies_have_three_digits_at_most() {
        for (micros, text) in [
            (400, "<1 ms"),
            (45_000, "45 ms"),
            (1_240_000, "1.2 s"),
            (5_000_000, "5 s"),
            (15_004_000, "15 s"),
        ] {
            assert_eq!(latency(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn moment_of_another_day_has_a_date() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(clock(at(61), at(90)), "00:01:01");
        assert_eq!(clock(at(61), at(90_000)), "Jan 1, 00:01:01");
        assert_eq!(moment(at(61)), "1970-01-01 00:01:01 UTC");
    }
}
