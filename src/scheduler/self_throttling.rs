//! Detects when this process itself is slow: a CPU-throttled container or a delayed event loop
//! makes every target look slow.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// Interval at which the event loop is sampled during an attempt.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(250);
/// Delay of a sample above which the event loop counts as late.
const MAX_DELAY: Duration = Duration::from_millis(100);
/// Where the kernel counts CPU throttling of this container: cgroup v2, then v1.
const CPU_STAT_PATHS: [&str; 2] = ["/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat"];
/// Size of a `cpu.stat`, which has a dozen numbers.
const MAX_CPU_STAT_BYTES: usize = 1024;

/// The open `cpu.stat`: it is read twice per attempt, and opening it costs more than reading it.
static CPU_STAT: LazyLock<Option<File>> =
    LazyLock::new(|| CPU_STAT_PATHS.iter().find_map(|path| File::open(path).ok()));

/// Throttling and delays of this process during one attempt.
#[derive(Debug)]
pub struct SelfThrottling {
    throttled_before: Option<u64>,
    late: AtomicBool,
}

impl SelfThrottling {
    /// Starts the measurement.
    pub fn begin() -> Self {
        Self {
            throttled_before: throttled(),
            late: AtomicBool::new(false),
        }
    }

    /// Awaits a future and samples the event loop meanwhile.
    pub async fn watch<T>(&self, act: impl Future<Output = T>) -> T {
        tokio::pin!(act);
        loop {
            let began = Instant::now();
            tokio::select! {
                biased;
                () = sleep(SAMPLE_INTERVAL) => {
                    if began.elapsed() >= SAMPLE_INTERVAL + MAX_DELAY {
                        self.late.store(true, Ordering::Relaxed);
                    }
                }
                outcome = &mut act => return outcome,
            }
        }
    }

    /// Returns whether this process was throttled or delayed since the start.
    pub fn detected(&self) -> bool {
        self.late.load(Ordering::Relaxed) || throttled() > self.throttled_before
    }
}

/// Returns how often this container was throttled; `None` if the kernel does not report it.
fn throttled() -> Option<u64> {
    read(CPU_STAT.as_ref()?)
}

/// Reads an open `cpu.stat` from its start, where the kernel writes it again.
fn read(cpu_stat: &File) -> Option<u64> {
    let mut stat = [0; MAX_CPU_STAT_BYTES];
    let length = cpu_stat.read_at(&mut stat, 0).ok()?;
    nr_throttled(str::from_utf8(&stat[..length]).ok()?)
}

fn nr_throttled(stat: &str) -> Option<u64> {
    stat.lines()
        .find_map(|line| line.strip_prefix("nr_throttled ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn nr_throttled_is_parsed_from_cpu_stat() {
        assert_eq!(
            nr_throttled("usage_usec 5\nnr_periods 2\nnr_throttled 7\nthrottled_usec 9\n"),
            Some(7)
        );
        assert_eq!(nr_throttled("usage_usec 5\n"), None);
    }

    #[test]
    fn open_cpu_stat_shows_later_throttling() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let open = File::open(path.path()).unwrap();
        for throttled in [7, 12] {
            let stat = format!("usage_usec 5\nnr_throttled {throttled}\n");
            fs::write(path.path(), stat).unwrap();
            assert_eq!(read(&open), Some(throttled));
        }
    }

    #[test]
    fn throttling_is_read_where_the_kernel_reports_it() {
        let of_kernel = || {
            let text = |path: &&str| fs::read_to_string(path).ok();
            nr_throttled(&CPU_STAT_PATHS.iter().find_map(text)?)
        };
        let before = of_kernel();
        let read = throttled();
        assert!((before..=of_kernel()).contains(&read), "{read:?}");
    }

    #[tokio::test]
    async fn blocked_event_loop_is_detected() {
        let disturbance = SelfThrottling {
            throttled_before: None,
            late: AtomicBool::new(false),
        };
        let blocking = async {
            tokio::task::yield_now().await;
            let began = Instant::now();
            while began.elapsed() < SAMPLE_INTERVAL + MAX_DELAY + MAX_DELAY {}
            tokio::task::yield_now().await;
            sleep(Duration::from_millis(1)).await;
        };
        disturbance.watch(blocking).await;
        assert!(disturbance.late.load(Ordering::Relaxed));
    }
}
