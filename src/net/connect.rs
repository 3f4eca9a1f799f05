//! The TCP connection: all addresses, staggered, and which failed how.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::catalogue::FailureMode;
use crate::net::Stop;
use crate::report::{Ended, Finding};

/// The next address is tried beside one that has not answered for so long (RFC 8305 §5 proposes 250 ms).
const STAGGER: Duration = Duration::from_millis(250);
/// The kernel repeats a connection request after a second; a time-out that comes sooner is somebody's answer.
const SILENCE: Duration = Duration::from_secs(1);
/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 10;

/// The addresses that have failed so far; survives the attempt.
#[derive(Debug, Default)]
pub struct Failures(Mutex<Vec<(SocketAddr, FailureMode, String)>>);

impl Failures {
    fn push(&self, address: SocketAddr, error: &io::Error) {
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

/// Connects to the first address that answers; the next one starts when one has failed or is slow.
///
/// # Errors
/// When all addresses failed: the mode of the first, and how each failed.
pub async fn connect(
    addresses: &[SocketAddr],
    failures: &Failures,
) -> Result<(TcpStream, SocketAddr), Stop> {
    let mut waiting = addresses.iter().copied().take(MAX_ADDRESSES);
    let mut pending = FuturesUnordered::new();
    let began = Instant::now();
    let attempt = |address: SocketAddr| async move { (address, TcpStream::connect(address).await) };
    pending.extend(waiting.next().map(attempt));
    loop {
        let stagger = sleep(if waiting.len() > 0 {
            STAGGER
        } else {
            Duration::MAX
        });
        tokio::select! {
            ended = pending.next() => match ended {
                Some((address, Ok(stream))) => {
                    // Small writes go out at once, as Go's do; a failure here shows at the first write.
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

/// What an error of connect(2) means, by its kind.
pub fn diagnose(error: &io::Error) -> FailureMode {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => FailureMode::NetRefused,
        io::ErrorKind::TimedOut => FailureMode::NetConnectTimeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => FailureMode::NetReset,
        _ => FailureMode::NetUnreachable,
    }
}

fn all_failed(failures: &Failures, took: Duration) -> Stop {
    let list = failures.list();
    let mode = list
        .first()
        .map_or(FailureMode::NetUnreachable, |(_, mode, _)| *mode);
    let silent = mode == FailureMode::NetConnectTimeout && took >= SILENCE;
    let ended = if silent {
        Ended::TimedOut
    } else {
        Ended::Failed
    };
    Stop {
        finding: Finding::new(mode, describe(&list)),
        ended,
    }
}

/// The finding when the time for connecting was up.
pub fn unanswered(addresses: &[SocketAddr], failures: &Failures, limit: Duration) -> Finding {
    let failed = failures.list();
    let silent: Vec<_> = addresses
        .iter()
        .take(MAX_ADDRESSES)
        .filter(|address| failed.iter().all(|(failed, ..)| failed != *address))
        .map(ToString::to_string)
        .collect();
    let mut evidence = format!(
        "no answer to the connection request from {} within {limit:?}",
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
        .map(|(address, _, error)| format!("connecting to {address}: {error}"))
        .collect();
    each.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_out_that_comes_at_once_is_no_silence() {
        let failures = Failures::default();
        failures.push(
            SocketAddr::from(([192, 0, 2, 1], 443)),
            &io::ErrorKind::TimedOut.into(),
        );
        assert_eq!(
            all_failed(&failures, Duration::from_millis(3)).ended,
            Ended::Failed
        );
        let silent = all_failed(&failures, Duration::from_secs(3));
        assert_eq!(
            (silent.ended, silent.finding.mode),
            (Ended::TimedOut, FailureMode::NetConnectTimeout)
        );
        failures.0.lock().unwrap()[0].1 = FailureMode::NetRefused;
        assert_eq!(
            all_failed(&failures, Duration::from_secs(3)).ended,
            Ended::Failed
        );
    }
}
