//! The uptime of this pod: that of its process 1, so that `check` in the same pod sees the daemon's
//! uptime.

use std::fs;
use std::time::Duration;

/// Ticks per second in `/proc/<pid>/stat`; a constant of the Linux ABI.
const USER_HZ: f64 = 100.0;

/// Returns the uptime of the pod; `None` if `/proc` is not available.
pub fn pod_uptime() -> Option<Duration> {
    let read = |path: &str| fs::read_to_string(path).ok();
    uptime(&read("/proc/1/stat")?, &read("/proc/uptime")?)
}

/// Calculates the uptime from field 22, the start of the process in ticks since boot.
fn uptime(stat: &str, system_uptime: &str) -> Option<Duration> {
    // Field 2 is the program's name in parentheses and may contain spaces; field 3 follows it.
    let ticks: f64 = stat
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(22 - 3)?
        .parse()
        .ok()?;
    let system_uptime: f64 = system_uptime.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64((system_uptime - ticks / USER_HZ).max(0.0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_calculated_from_the_start_of_process_1() {
        let stat = "1 (a ) b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 2";
        assert_eq!(
            uptime(stat, "223.45 100.00\n"),
            Some(Duration::from_secs(100))
        );
        assert_eq!(uptime(stat, "1.00 1.00\n"), Some(Duration::ZERO));
        assert_eq!(uptime("1 (x) S", "1.00 1.00\n"), None);
        assert!(pod_uptime().is_some(), "/proc is available on Linux");
    }
}
