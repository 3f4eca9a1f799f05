//! Settings of every check.

use std::time::Duration;

use crate::catalogue::timeouts::ATTEMPT_TIMEOUT;
use crate::catalogue::{CheckId, Phase, Timeouts};
use crate::config::exporter::check::CheckSettings;
use crate::config::load::sources::Sources;
use crate::config::sourced_value::InvalidValue;
use crate::config::values;

const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));
const MIN_TIMEOUT: Duration = Duration::from_millis(100);

impl Sources<'_> {
    pub(super) fn checks(&mut self) -> Vec<CheckSettings> {
        let settings: Vec<_> = CheckId::ALL
            .iter()
            .map(|check| self.check(*check))
            .collect();
        if settings.iter().all(|settings| !settings.enabled)
            && let Some(written) = self
                .file
                .one(&format!("checks.{}.enabled", CheckId::ALL[0]))
        {
            let wrong = InvalidValue::new("every check is disabled", "enable at least one");
            self.problems.0.push(written.problem(wrong));
        }
        settings
    }

    fn check(&mut self, check: CheckId) -> CheckSettings {
        let enabled = self.key(
            &format!("checks.{check}.enabled"),
            |text| Ok(text == "true"),
        );
        let interval = self.key(&format!("checks.{check}.interval"), |text| {
            values::duration_within(text, INTERVALS.0, INTERVALS.1)
        });
        CheckSettings {
            check,
            enabled: enabled.unwrap_or(true),
            interval: interval.unwrap_or(check.entry().interval),
            timeouts: self.timeouts(check),
        }
    }

    fn timeouts(&mut self, check: CheckId) -> Timeouts {
        let mut timeouts = check.entry().timeouts;
        if matches!(check, CheckId::CastaiApi | CheckId::ClusterStatus)
            && let Some(timeout) = self.env.timeout
        {
            timeouts = within(timeouts, timeout);
        }
        let mut timeout_of = |name: &str, phases: &[Phase]| {
            self.key(&format!("checks.{check}.timeouts.{name}"), |text| {
                if !phases
                    .iter()
                    .any(|phase| check.entry().phases.contains(phase))
                {
                    return Err(InvalidValue::new(
                        format!("the check {check} has no such phase"),
                        "remove the key",
                    ));
                }
                values::duration_within(text, MIN_TIMEOUT, ATTEMPT_TIMEOUT)
            })
        };
        let resolve = timeout_of("resolve", &[Phase::Resolve]);
        let connect = timeout_of("connect", &[Phase::Connect]);
        let tls = timeout_of("tls", &[Phase::Tls]);
        let response = timeout_of("response", &[Phase::Proxy, Phase::Request]);
        Timeouts {
            resolve: resolve.unwrap_or(timeouts.resolve),
            connect: connect.unwrap_or(timeouts.connect),
            tls: tls.unwrap_or(timeouts.tls),
            answer: response.unwrap_or(timeouts.answer),
        }
    }
}

/// `API_TIMEOUT` limits the agent's whole exchange, and so each of its phases; zero means no limit.
fn within(timeouts: Timeouts, timeout: Duration) -> Timeouts {
    let most = if timeout.is_zero() {
        ATTEMPT_TIMEOUT
    } else {
        timeout.clamp(MIN_TIMEOUT, ATTEMPT_TIMEOUT)
    };
    Timeouts {
        resolve: timeouts.resolve.min(most),
        connect: timeouts.connect.min(most),
        tls: timeouts.tls.min(most),
        answer: most,
    }
}
