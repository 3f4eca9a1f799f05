//! Was it us? A container that is throttled, or an event loop that is late, makes every target look slow.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// How often the event loop is asked during an attempt whether it is on time.
const TICK: Duration = Duration::from_millis(250);
/// So late is late.
const LATE: Duration = Duration::from_millis(100);
/// Where the kernel counts how often this container was throttled: cgroup v2, then v1.
const CPU_STAT: [&str; 2] = ["/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat"];

/// What disturbs this process during one attempt.
#[derive(Debug)]
pub struct Disturbance {
    throttled_before: Option<u64>,
    late: AtomicBool,
}

impl Disturbance {
    /// Takes note of how things stand.
    pub fn begin() -> Self {
        Self {
            throttled_before: throttled(),
            late: AtomicBool::new(false),
        }
    }

    /// Waits for an act, and looks at the event loop meanwhile.
    pub async fn watch<T>(&self, act: impl Future<Output = T>) -> T {
        tokio::pin!(act);
        loop {
            let began = Instant::now();
            tokio::select! {
                biased;
                () = sleep(TICK) => {
                    if began.elapsed() >= TICK + LATE {
                        self.late.store(true, Ordering::Relaxed);
                    }
                }
                outcome = &mut act => return outcome,
            }
        }
    }

    /// Whether this process was throttled or late since the beginning.
    pub fn happened(&self) -> bool {
        self.late.load(Ordering::Relaxed) || throttled() > self.throttled_before
    }
}

/// How often this container was throttled; `None` where the kernel does not say.
fn throttled() -> Option<u64> {
    CPU_STAT
        .iter()
        .find_map(|path| nr_throttled(&fs::read_to_string(path).ok()?))
}

fn nr_throttled(stat: &str) -> Option<u64> {
    stat.lines()
        .find_map(|line| line.strip_prefix("nr_throttled ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_count_is_read() {
        assert_eq!(
            nr_throttled("usage_usec 5\nnr_periods 2\nnr_throttled 7\nthrottled_usec 9\n"),
            Some(7)
        );
        assert_eq!(nr_throttled("usage_usec 5\n"), None);
    }

    #[tokio::test]
    async fn a_loop_that_was_blocked_is_noticed() {
        let disturbance = Disturbance {
            throttled_before: None,
            late: AtomicBool::new(false),
        };
        let blocking = async {
            tokio::task::yield_now().await;
            let began = Instant::now();
            while began.elapsed() < TICK + LATE + LATE {}
            tokio::task::yield_now().await;
            sleep(Duration::from_millis(1)).await;
        };
        disturbance.watch(blocking).await;
        assert!(disturbance.late.load(Ordering::Relaxed));
    }
}
