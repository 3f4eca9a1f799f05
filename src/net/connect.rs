//! TCP connections to several addresses, staggered as in RFC 8305.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::catalogue::FailureMode;
use crate::net::PhaseError;
use crate::own_resources;
use crate::report::{Finding, PhaseOutcome};

/// Delay before the next address is tried in parallel (RFC 8305 §5).
const CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// The kernel retransmits a SYN after one second, so an earlier `ETIMEDOUT` is not a timeout but a
/// rejection.
const SYN_RETRANSMIT: Duration = Duration::from_secs(1);
/// Number of addresses of a name that are tried.
const MAX_ADDRESSES: usize = 10;

/// The addresses that have failed so far; outlives a cancelled attempt.
#[derive(Debug, Default)]
pub struct FailedAddresses(Mutex<Vec<(SocketAddr, FailureMode, String)>>);

impl FailedAddresses {
    fn push(&self, address: SocketAddr, error: &io::Error) {
        own_resources::note_connect(address, error);
        let failure = (address, diagnose(error), error.to_string());
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(failure);
    }

    fn list(&self) -> Vec<(SocketAddr, FailureMode, String)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Connects to the first address that responds. The next one is tried after a failure or a delay.
///
/// # Errors
/// If all addresses failed, the mode of the first, with the error of each.
pub async fn connect(
    addresses: &[SocketAddr],
    failures: &FailedAddresses,
) -> Result<(TcpStream, SocketAddr), PhaseError> {
    let mut waiting = addresses.iter().copied().take(MAX_ADDRESSES);
    let mut pending = FuturesUnordered::new();
    let began = Instant::now();
    let attempt = |address: SocketAddr| async move { (address, TcpStream::connect(address).await) };
    pending.extend(waiting.next().map(attempt));
    loop {
        let stagger = sleep(if waiting.len() > 0 {
            CONNECTION_ATTEMPT_DELAY
        } else {
            Duration::MAX
        });
        tokio::select! {
            outcome = pending.next() => match outcome {
                Some((address, Ok(stream))) => {
                    // Go disables Nagle's algorithm as well. A failure here shows at the first
                    // write.
                    let _ = stream.set_nodelay(true);
                    return Ok((stream, address));
                }
                Some((address, Err(error))) => {
                    failures.push(address, &error);
                    pending.extend(waiting.next().map(attempt));
                }
                None => return Err(all_failed(failures, began.elapsed())),
            },
            () = stagger => pending.extend(waiting.next().map(attempt)),
        }
    }
}

/// Returns the failure mode of a connect(2) error.
pub fn diagnose(error: &io::Error) -> FailureMode {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => FailureMode::NetRefused,
        io::ErrorKind::TimedOut => FailureMode::NetConnectTimeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => FailureMode::NetReset,
        _ => FailureMode::NetUnreachable,
    }
}

fn all_failed(failures: &FailedAddresses, duration: Duration) -> PhaseError {
    let list = failures.list();
    let mode = list
        .first()
        .map_or(FailureMode::NetUnreachable, |(_, mode, _)| *mode);
    let silent = mode == FailureMode::NetConnectTimeout && duration >= SYN_RETRANSMIT;
    let outcome = if silent {
        PhaseOutcome::TimedOut
    } else {
        PhaseOutcome::Failed
    };
    PhaseError {
        finding: Finding::new(mode, describe(&list)),
        outcome,
    }
}

/// Returns the finding of a connection attempt that timed out.
pub fn timed_out(addresses: &[SocketAddr], failures: &FailedAddresses, limit: Duration) -> Finding {
    let failed = failures.list();
    let silent: Vec<_> = addresses
        .iter()
        .take(MAX_ADDRESSES)
        .filter(|address| failed.iter().all(|(failed, ..)| failed != *address))
        .map(ToString::to_string)
        .collect();
    let mut evidence = format!(
        "TCP connection to {} timed out after {limit:?}: SYN packets got no reply",
        silent.join(", ")
    );
    if !failed.is_empty() {
        evidence = format!("{evidence}; {}", describe(&failed));
    }
    Finding::new(FailureMode::NetConnectTimeout, evidence)
}

fn describe(failures: &[(SocketAddr, FailureMode, String)]) -> String {
    let each: Vec<_> = failures
        .iter()
        .map(|(address, _, error)| format!("TCP connection to {address} failed: {error}"))
        .collect();
    each.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immediate_etimedout_counts_as_failed_not_timed_out() {
        let failures = FailedAddresses::default();
        failures.push(
            SocketAddr::from(([192, 0, 2, 1], 443)),
            &io::ErrorKind::TimedOut.into(),
        );
        assert_eq!(
            all_failed(&failures, Duration::from_millis(3)).outcome,
            PhaseOutcome::Failed
        );
        let silent = all_failed(&failures, Duration::from_secs(3));
        assert_eq!(
            (silent.outcome, silent.finding.mode),
            (PhaseOutcome::TimedOut, FailureMode::NetConnectTimeout)
        );
        failures.0.lock().unwrap()[0].1 = FailureMode::NetRefused;
        assert_eq!(
            all_failed(&failures, Duration::from_secs(3)).outcome,
            PhaseOutcome::Failed
        );
    }
}
