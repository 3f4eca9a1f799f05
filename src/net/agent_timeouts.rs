//! Compares the duration of a probe's phases with the agent's timeouts.

use std::time::Duration;

use crate::catalogue::{FailureMode, Phase, Timeouts};
use crate::report::{Finding, PhaseTimer};

/// A phase, or a sum of phases, that took longer than the agent waits for it.
#[derive(Clone, Copy, Debug)]
pub struct ExceededTimeout {
    /// Description for evidence.
    pub what: &'static str,
    /// Duration in the probe.
    pub duration: Duration,
    /// The agent's timeout.
    pub timeout: Duration,
}

/// Checks that a successful probe stayed within the agent's timeouts.
///
/// # Errors
/// The given mode, with the first timeout that was exceeded.
pub fn check(timeouts: &Timeouts, timer: &PhaseTimer, slow: FailureMode) -> Result<(), Finding> {
    match first_exceeded(timeouts, timer) {
        None => Ok(()),
        Some(ExceededTimeout {
            what,
            duration,
            timeout,
        }) => {
            let duration = duration.as_secs_f64();
            Err(Finding::new(
                slow,
                format!("{what} took {duration:.1} s; the agent's timeout is {timeout:?}"),
            ))
        }
    }
}

/// Returns the first of the agent's timeouts that a probe exceeded.
///
/// The agent's connect timeout includes name resolution; its response timeout includes every phase
/// before it.
pub fn first_exceeded(timeouts: &Timeouts, timer: &PhaseTimer) -> Option<ExceededTimeout> {
    let phases = timer.longest_per_phase();
    let duration = |phase: Phase| {
        phases
            .iter()
            .filter(|timing| timing.phase == phase)
            .map(|timing| timing.duration)
            .sum::<Duration>()
    };
    let dial = duration(Phase::Resolve) + duration(Phase::Connect);
    let total = dial + duration(Phase::Proxy) + duration(Phase::Tls) + duration(Phase::Request);
    let rows = [
        (
            "name resolution",
            duration(Phase::Resolve),
            timeouts.resolve,
        ),
        (
            "connecting, including name resolution,",
            dial,
            timeouts.connect,
        ),
        (
            "the proxy's response",
            duration(Phase::Proxy),
            timeouts.answer,
        ),
        ("the TLS handshake", duration(Phase::Tls), timeouts.tls),
        ("the response", duration(Phase::Request), timeouts.answer),
        ("the whole exchange", total, timeouts.answer),
    ];
    let (what, duration, timeout) = rows
        .into_iter()
        .find(|(_, duration, timeout)| duration > timeout)?;
    Some(ExceededTimeout {
        what,
        duration,
        timeout,
    })
}
