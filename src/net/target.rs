//! A TCP target with its proxy and trust settings.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::catalogue::{Phase, Timeouts};
use crate::config::agent::proxy::Proxy;
use crate::net::{PhaseError, Trust};
use crate::report::{Finding, PhaseOutcome, PhaseTimer};

/// A TCP target with its proxy and trust settings.
#[derive(Clone, Debug)]
pub struct Target {
    /// Host name or IP address, an IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Trusted root certificates; `None` for plain HTTP.
    pub trust: Option<Arc<Trust>>,
    /// Name that the certificate must be valid for, if it is not `host`.
    pub server_name: Option<String>,
    /// Proxy to connect through.
    pub proxy: Option<Proxy>,
    /// The agent's timeouts, from which the probe's follow.
    pub timeouts: Timeouts,
}

impl Target {
    /// Returns `host:port`.
    pub fn authority(&self) -> String {
        authority(&self.host, self.port)
    }

    /// Runs one phase within its timeout and records it in the timer.
    pub(crate) async fn run_phase<T>(
        &self,
        phase: Phase,
        timer: &PhaseTimer,
        act: impl Future<Output = Result<T, PhaseError>>,
        on_timeout: impl FnOnce(Duration) -> Finding,
    ) -> Result<T, Finding> {
        let limit = self.timeouts.of_probe(phase);
        timer.begin(phase);
        match timeout(limit, act).await {
            Ok(Ok(value)) => {
                timer.end(PhaseOutcome::Done);
                Ok(value)
            }
            Ok(Err(error)) => {
                timer.end(error.outcome);
                Err(error.finding)
            }
            Err(_elapsed) => {
                timer.end(PhaseOutcome::TimedOut);
                Err(on_timeout(limit))
            }
        }
    }
}

/// Returns `host:port`, with an IPv6 address in brackets.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
