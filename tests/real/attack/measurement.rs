//! The measurement of one attack: health is requested while the checks run.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::figures::{AttackedExporter, Figures, Sample};

/// Pause between two requests for health.
pub(crate) const HEALTH_INTERVAL: Duration = Duration::from_millis(250);
/// Intervals until every check has run again, so that its status shows whether the attack affects
/// it.
const SETTLING_INTERVALS: u32 = 5;

/// One attack to measure.
pub(crate) struct Measurement<'a> {
    /// Name of the attack.
    pub(crate) attack: &'static str,
    /// Figures without an attack.
    pub(crate) usual: Option<&'a Figures>,
    /// Interval of the checks that count.
    pub(crate) interval: Duration,
    /// Duration of the measurement, after the checks have settled.
    pub(crate) duration: Duration,
}

impl Measurement<'_> {
    /// Measures an exporter that is under attack. `healthy` was taken before the attack.
    pub(crate) async fn run(self, exporter: &impl AttackedExporter, healthy: &Sample) -> Figures {
        let settling = self.interval * SETTLING_INTERVALS;
        let slowest_health = self.request_health(exporter, settling).await;
        let (before, began) = (Sample::take(exporter).await, Instant::now());
        let slowest_health = slowest_health.max(self.request_health(exporter, self.duration).await);
        let after = Sample::take(exporter).await;
        let window = began.elapsed();
        Figures::new(&self, [healthy, &before, &after], window, slowest_health)
    }

    /// Requests health for a time, and returns the time of the slowest response.
    async fn request_health(
        &self,
        exporter: &impl AttackedExporter,
        duration: Duration,
    ) -> Duration {
        let (mut slowest, began) = (Duration::ZERO, Instant::now());
        while began.elapsed() < duration {
            let asked = Instant::now();
            let answer = exporter.fetch("/-/healthy").await;
            slowest = slowest.max(asked.elapsed());
            if let Err(error) = answer {
                panic!("{}: health does not respond: {error}", self.attack);
            }
            sleep(HEALTH_INTERVAL).await;
        }
        slowest
    }
}
