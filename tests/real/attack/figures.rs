//! The cost of an attack, from the exporter's metrics and its outputs.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::measurement::Measurement;

/// Smallest share of the attempts of checks that the attack does not break.
const MIN_ATTEMPTS: f64 = 0.95;
/// Largest resident memory of a release build.
const MAX_RESIDENT_MIB: f64 = 24.0;
/// Longest response time of `/-/healthy`.
const MAX_HEALTH: Duration = Duration::from_secs(1);

/// An exporter that is attacked.
pub(crate) trait AttackedExporter {
    /// Returns the body of a response.
    async fn fetch(&self, path: &str) -> Result<String, Box<dyn Error>>;
    /// Returns the log so far.
    async fn read_log(&self) -> String;
    /// Returns the process ID on this machine.
    fn pid(&self) -> u32;
}

/// The exporter at one moment.
pub(crate) struct Sample {
    metrics: String,
    secrets_shown: usize,
    peak_mib: f64,
}

/// The cost of an attack.
pub(crate) struct Figures {
    attack: &'static str,
    checks: usize,
    attempts: f64,
    expected: f64,
    /// Attempts per second of each check.
    rates: BTreeMap<String, f64>,
    peak_mib: f64,
    slowest_health: Duration,
    descriptors: f64,
    panics: f64,
    secrets_shown: usize,
}

impl Sample {
    pub(crate) async fn take(exporter: &impl AttackedExporter) -> Self {
        let metrics = exporter.fetch("/metrics").await.unwrap();
        let mut shown = vec![exporter.read_log().await, metrics.clone()];
        for path in ["/", "/api/v1/status"] {
            shown.push(exporter.fetch(path).await.unwrap());
        }
        let plain = [lab::TOKEN, lab::API_KEY];
        let secrets = plain.into_iter().flat_map(|secret| {
            let half = secret.len() / 2;
            let encoded = STANDARD.encode(secret);
            [
                secret[..half].to_owned(),
                secret[half..].to_owned(),
                encoded,
            ]
        });
        let secrets_shown = secrets
            .map(|secret| shown.iter().filter(|text| text.contains(&secret)).count())
            .sum();
        let status = std::fs::read_to_string(format!("/proc/{}/status", exporter.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok());
        Self {
            metrics,
            secrets_shown,
            peak_mib: kib.unwrap() / 1024.0,
        }
    }

    /// Returns the series of a metric: the value by the label `check`, or by "".
    fn series(&self, metric: &str, label: &str) -> BTreeMap<String, f64> {
        let name = format!("castai_health_{metric}{{");
        let lines = self
            .metrics
            .lines()
            .filter_map(|line| line.strip_prefix(&name));
        lines
            .filter(|line| line.contains(label))
            .filter_map(|line| {
                let check = line.split("check=\"").nth(1)?.split('"').next()?;
                let value = line.rsplit(' ').next()?.parse().ok()?;
                Some((check.to_owned(), value))
            })
            .collect()
    }

    fn process(&self, metric: &str) -> f64 {
        let name = format!("process_{metric} ");
        let line = self
            .metrics
            .lines()
            .find_map(|line| line.strip_prefix(&name));
        line.and_then(|value| value.parse().ok())
            .unwrap_or(f64::NAN)
    }

    /// Returns the checks with a result that needs no more attempts than usual.
    fn unbroken(&self) -> Vec<String> {
        let ok = self.series("check_status", "status=\"ok\"");
        let held = ok.into_iter().filter(|(_, value)| *value > 0.0);
        held.map(|(check, _)| check).collect()
    }
}

impl Figures {
    pub(crate) const HEADING: &str = "| attack | checks it leaves alone | attempts of expected | peak RSS MiB | slowest health | descriptors | panics | secrets shown |\n|---|---|---|---|---|---|---|---|";

    /// Compares the samples before an attack, and at the beginning and end of its measurement.
    pub(crate) fn new(
        measurement: &Measurement<'_>,
        [healthy, before, after]: [&Sample; 3],
        window: Duration,
        slowest_health: Duration,
    ) -> Self {
        let ended = after.unbroken();
        let mut unbroken = before.unbroken();
        unbroken.retain(|check| ended.contains(check));
        let (first, last) = (
            before.series("check_attempts_total", ""),
            after.series("check_attempts_total", ""),
        );
        let made = |check: &String| last[check] - first[check];
        let intervals = after.series("check_interval_seconds", "");
        let seconds = window.as_secs_f64();
        let expected = |check: &String| match measurement.usual {
            Some(usual) => usual.rates.get(check).map_or(0.0, |rate| rate * seconds),
            None => made(check),
        };
        // Derived and disabled checks have other intervals.
        unbroken
            .retain(|check| (intervals[check] - measurement.interval.as_secs_f64()).abs() < 0.1);
        Self {
            attack: measurement.attack,
            checks: unbroken.len(),
            attempts: unbroken.iter().map(made).sum(),
            expected: unbroken.iter().map(expected).sum(),
            rates: unbroken
                .iter()
                .map(|check| (check.clone(), made(check) / seconds))
                .collect(),
            peak_mib: after.peak_mib,
            slowest_health,
            descriptors: after.process("open_fds") - healthy.process("open_fds"),
            // The sum of nothing is -0.
            panics: after.series("check_panics_total", "").values().sum::<f64>() + 0.0,
            secrets_shown: before.secrets_shown + after.secrets_shown,
        }
    }

    /// Returns the limits that the attack exceeds.
    pub(crate) fn problems(&self) -> Vec<String> {
        let attack = self.attack;
        let exceeded = [
            (self.checks == 0, "no check is left alone".to_owned()),
            (
                self.attempts < MIN_ATTEMPTS * self.expected,
                format!("{} of {:.0} attempts", self.attempts, self.expected),
            ),
            (
                self.peak_mib > MAX_RESIDENT_MIB,
                format!("{:.1} MiB", self.peak_mib),
            ),
            (
                self.slowest_health > MAX_HEALTH,
                format!("health after {:?}", self.slowest_health),
            ),
            (self.panics > 0.0, format!("{} panics", self.panics)),
            (
                self.secrets_shown > 0,
                format!("{} secrets shown", self.secrets_shown),
            ),
        ];
        exceeded
            .into_iter()
            .filter(|(exceeded, _)| *exceeded)
            .map(|(_, problem)| format!("{attack}: {problem}"))
            .collect()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| {} | {} | {:.0} of {:.0} | {:.1} | {} ms | {:+} | {} | {} |",
            self.attack,
            self.checks,
            self.attempts,
            self.expected,
            self.peak_mib,
            self.slowest_health.as_millis(),
            self.descriptors,
            self.panics,
            self.secrets_shown,
        )
    }
}
