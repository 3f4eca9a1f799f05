//! The settings of every check.

use std::time::Duration;

use crate::catalogue::timeouts::ATTEMPT;
use crate::catalogue::{CheckId, Limits, Phase};
use crate::config::load::Sources;
use crate::config::written::Wrong;
use crate::config::{CheckSettings, values};

const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));
const LEAST_LIMIT: Duration = Duration::from_millis(100);

impl Sources<'_> {
    pub(super) fn checks(&mut self) -> Vec<CheckSettings> {
        let settings: Vec<_> = CheckId::ALL.iter().map(|check| self.check(*check)).collect();
        if settings.iter().all(|settings| !settings.enabled)
            && let Some(written) = self.file.one(&format!("checks.{}.enabled", CheckId::ALL[0]))
        {
            let wrong = Wrong::new("every check is switched off", "leave at least one on");
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
            limits: self.limits(check),
        }
    }

    fn limits(&mut self, check: CheckId) -> Limits {
        let mut limits = check.entry().limits;
        if matches!(check, CheckId::CastaiApi | CheckId::ClusterStatus)
            && let Some(timeout) = self.env.timeout
        {
            limits = within(limits, timeout);
        }
        let mut limit = |name: &str, phases: &[Phase]| {
            self.key(&format!("checks.{check}.limits.{name}"), |text| {
                if !phases
                    .iter()
                    .any(|phase| check.entry().phases.contains(phase))
                {
                    return Err(Wrong::new(
                        format!("the check {check} has no such phase"),
                        "remove the key",
                    ));
                }
                values::duration_within(text, LEAST_LIMIT, ATTEMPT)
            })
        };
        let resolve = limit("resolve", &[Phase::Resolve]);
        let connect = limit("connect", &[Phase::Connect]);
        let tls = limit("tls", &[Phase::Tls]);
        let answer = limit("answer", &[Phase::Proxy, Phase::Request]);
        Limits {
            resolve: resolve.unwrap_or(limits.resolve),
            connect: connect.unwrap_or(limits.connect),
            tls: tls.unwrap_or(limits.tls),
            answer: answer.unwrap_or(limits.answer),
        }
    }
}

/// `API_TIMEOUT` bounds the agent's whole exchange, and so each of its phases; zero is no limit.
fn within(limits: Limits, timeout: Duration) -> Limits {
    let most = if timeout.is_zero() {
        ATTEMPT
    } else {
        timeout.clamp(LEAST_LIMIT, ATTEMPT)
    };
    Limits {
        resolve: limits.resolve.min(most),
        connect: limits.connect.min(most),
        tls: limits.tls.min(most),
        answer: most,
    }
}
