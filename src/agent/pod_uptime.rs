//! How long this pod has been running: as long as its process 1, which is the daemon also for a `check` beside it.

use std::fs;
use std::time::Duration;

/// Ticks per second of the times in `/proc/<pid>/stat`; fixed in Linux' user interface.
const USER_HZ: f64 = 100.0;

/// The age of the pod; `None` where `/proc` does not tell.
pub fn of_pod() -> Option<Duration> {
    let read = |path: &str| fs::read_to_string(path).ok();
    age(&read("/proc/1/stat")?, &read("/proc/uptime")?)
}

/// The start of a process is field 22, in ticks since the machine's start.
fn age(stat: &str, uptime: &str) -> Option<Duration> {
    // The name of the program stands in parentheses and may hold anything; behind it comes field 3.
    let ticks: f64 = stat
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(22 - 3)?
        .parse()
        .ok()?;
    let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64((uptime - ticks / USER_HZ).max(0.0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_what_passed_since_the_start() {
        let stat = "1 (a ) b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 2";
        assert_eq!(age(stat, "223.45 100.00\n"), Some(Duration::from_secs(100)));
        assert_eq!(age(stat, "1.00 1.00\n"), Some(Duration::ZERO));
        assert_eq!(age("1 (x) S", "1.00 1.00\n"), None);
        assert!(of_pod().is_some(), "Linux tells");
    }
}
