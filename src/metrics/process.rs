//! The `process_*` metrics that every exporter publishes.

use std::fs;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Ticks per second of the times in `/proc/<pid>/stat`; a constant of Linux' user interface.
const USER_HZ: f64 = 100.0;

/// Boot time, read once: a start time that varies would look like a restart.
static BOOT: LazyLock<Option<f64>> =
    LazyLock::new(|| boot_time(&fs::read_to_string("/proc/uptime").ok()?));

/// Limits of the process, which are set before it starts.
static LIMITS: LazyLock<String> = LazyLock::new(|| read("/proc/self/limits"));

/// The `process_*` values; a value that cannot be read is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// User and system CPU time.
    pub cpu_seconds: Option<f64>,
    /// Resident memory.
    pub resident_bytes: Option<f64>,
    /// Virtual memory.
    pub virtual_bytes: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<f64>,
    /// Limit of open file descriptors.
    pub max_fds: Option<f64>,
    /// Start time as Unix time.
    pub start_time: Option<f64>,
    /// Number of threads.
    pub threads: Option<f64>,
}

impl Process {
    /// Reads `/proc`.
    pub fn read() -> Self {
        let open_fds = fs::read_dir("/proc/self/fd")
            .ok()
            .map(|fds| fds.count().saturating_sub(1));
        Self::parse(
            &read("/proc/self/stat"),
            &read("/proc/self/status"),
            &LIMITS,
            *BOOT,
        )
        .with_open_fds(open_fds)
    }

    fn parse(stat: &str, status: &str, limits: &str, boot: Option<f64>) -> Self {
        // The program name is in parentheses and may contain anything; the state is field 3.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_whitespace()
            .collect();
        let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
        let sum = |a: Option<f64>, b: Option<f64>| Some((a? + b?) / USER_HZ);
        Self {
            cpu_seconds: sum(ticks(14), ticks(15)),
            resident_bytes: number_after(status, "VmRSS:").map(|kib| kib * 1024.0),
            virtual_bytes: number_after(status, "VmSize:").map(|kib| kib * 1024.0),
            open_fds: None,
            max_fds: number_after(limits, "Max open files"),
            start_time: boot
                .zip(ticks(22))
                .map(|(boot, ticks)| boot + ticks / USER_HZ),
            threads: number_after(status, "Threads:"),
        }
    }

    fn with_open_fds(mut self, open: Option<usize>) -> Self {
        self.open_fds = open
            .and_then(|open| u32::try_from(open).ok())
            .map(f64::from);
        self
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn boot_time(uptime: &str) -> Option<f64> {
    let up: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Some(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()?
            .as_secs_f64()
            - up,
    )
}

/// Returns the first number on the line that starts with a prefix.
fn number_after(text: &str, words: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(words))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_name_may_contain_parentheses() {
        let stat = "7 (a) R (b) S 1 7 7 0 -1 4 9 0 0 0 150 50 0 0 20 0 3 0 6000 1 1";
        let process = Process::parse(
            stat,
            "VmSize:\t 2 kB\nVmRSS:\t 1 kB\nThreads:\t3\n",
            "",
            Some(1000.0),
        );
        assert_eq!(process.cpu_seconds, Some(2.0));
        assert_eq!(process.start_time, Some(1060.0));
        assert_eq!(process.resident_bytes, Some(1024.0));
        assert_eq!(process.virtual_bytes, Some(2048.0));
        assert_eq!(process.threads, Some(3.0));
    }

    #[test]
    fn max_fds_is_the_soft_limit_and_unlimited_is_absent() {
        let limits = "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(Process::parse("", "", limits, None).max_fds, Some(1024.0));
        assert_eq!(
            Process::parse("", "", "Max open files  unlimited unlimited files", None).max_fds,
            None
        );
    }

    #[test]
    fn own_process_metrics_are_read() {
        let process = Process::read();
        assert!(process.resident_bytes > Some(100_000.0), "{process:?}");
        assert!(process.open_fds > Some(2.0), "{process:?}");
        assert!(process.start_time > Some(1.6e9), "{process:?}");
    }
}
