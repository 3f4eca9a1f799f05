//! What the checks that go somewhere have in common.

use std::time::Duration;

use crate::catalogue::{FailureMode, Limits, Phase};
use crate::report::{Finding, Trail};

/// Whether a mode is trouble on the way: no answer of the target was seen.
pub fn is_transport(mode: FailureMode) -> bool {
    let label = mode.label();
    ["net_", "tls_", "proxy_", "http_"]
        .iter()
        .any(|prefix| label.starts_with(prefix))
}

/// Whether a mode is trouble of one API server rather than of all.
pub fn is_server_trouble(mode: FailureMode) -> bool {
    matches!(
        mode,
        FailureMode::K8sServerError
            | FailureMode::K8sEtcdError
            | FailureMode::K8sUnexpectedBody
            | FailureMode::K8sSlow
    )
}

/// Everything was answered: in the agent's time as well?
///
/// # Errors
/// The mode for too late, with what was late.
pub fn in_time(limits: &Limits, trail: &Trail, slow: FailureMode) -> Result<(), Finding> {
    match late(limits, trail) {
        None => Ok(()),
        Some(Late { what, took, limit }) => {
            let took = took.as_secs_f64();
            Err(Finding::new(
                slow,
                format!("{what} took {took:.1} s, and the agent waits {limit:?}"),
            ))
        }
    }
}

/// What came later than it should.
#[derive(Clone, Copy, Debug)]
pub struct Late {
    /// In words.
    pub what: &'static str,
    /// How long it took.
    pub took: Duration,
    /// How long it may take.
    pub limit: Duration,
}

/// The first thing that came late, if any did.
///
/// The agent's limit for connecting includes the name; its limit for the answer includes everything before it.
pub fn late(limits: &Limits, trail: &Trail) -> Option<Late> {
    let phases = trail.longest();
    let took = |phase: Phase| {
        phases
            .iter()
            .filter(|time| time.phase == phase)
            .map(|time| time.took)
            .sum::<Duration>()
    };
    let dial = took(Phase::Resolve) + took(Phase::Connect);
    let whole = dial + took(Phase::Proxy) + took(Phase::Tls) + took(Phase::Request);
    let rows = [
        ("resolving the name", took(Phase::Resolve), limits.resolve),
        ("connecting, the name included,", dial, limits.connect),
        ("the proxy's answer", took(Phase::Proxy), limits.answer),
        ("the TLS handshake", took(Phase::Tls), limits.tls),
        ("the answer", took(Phase::Request), limits.answer),
        ("everything up to the answer's end", whole, limits.answer),
    ];
    let row = rows.into_iter().find(|(_, took, limit)| took > limit)?;
    Some(Late {
        what: row.0,
        took: row.1,
        limit: row.2,
    })
}
