//! bcrypt in the background: one check at a time, with a bounded queue and cached results.
//!
//! A check outlives the request that started it, because bcrypt cannot be cancelled: what limits
//! the checks therefore belongs to the check and not to the request.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Semaphore, watch};

use crate::config::Secret;
use crate::server::cpu_share::CpuShare;

/// Number of cached results.
const MAX_CACHED_RESULTS: usize = 128;
/// Checks that run or wait.
const MAX_PENDING: usize = 16;
/// Checks of one IP address that run or wait.
const MAX_PENDING_PER_SOURCE: usize = 2;

/// A password to verify against a bcrypt hash.
#[derive(Debug)]
pub(super) struct PasswordCheck {
    pub(super) digest: Digest,
    pub(super) password: Secret,
    pub(super) hash: Secret,
    /// Whether the user exists; if not, the check only takes time.
    pub(super) known: bool,
}

/// SHA-256 of user, hash and password.
pub(super) type Digest = Vec<u8>;

/// Why a password is not checked now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Busy {
    /// Too many checks of the client's address are pending.
    Source,
    /// Too many checks are pending.
    Server,
}

/// Pending checks and the results of recent ones.
#[derive(Debug)]
pub(super) struct PasswordChecks {
    state: Mutex<State>,
    turn: Arc<Semaphore>,
    cpu: CpuShare,
}

#[derive(Debug, Default)]
struct State {
    results: HashMap<Digest, bool>,
    pending: HashMap<Digest, Pending>,
}

#[derive(Debug)]
struct Pending {
    source: IpAddr,
    result: watch::Receiver<Option<bool>>,
}

impl Default for PasswordChecks {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
            cpu: CpuShare::default(),
        }
    }
}

impl PasswordChecks {
    /// Returns whether the password is right, at once if the result is cached.
    pub(super) async fn verify(
        self: &Arc<Self>,
        source: IpAddr,
        check: PasswordCheck,
    ) -> Result<bool, Busy> {
        let mut result = {
            let mut state = self.state();
            if let Some(result) = state.results.get(&check.digest) {
                return Ok(*result);
            }
            if let Some(pending) = state.pending.get(&check.digest) {
                pending.result.clone()
            } else {
                state.admit(source)?;
                let (sender, result) = watch::channel(None);
                let pending = Pending {
                    source,
                    result: result.clone(),
                };
                state.pending.insert(check.digest.clone(), pending);
                tokio::spawn(Arc::clone(self).run(check, sender));
                result
            }
        };
        // Without a result the sender is dropped only at shutdown.
        let result = result.wait_for(Option::is_some).await;
        Ok(result.is_ok_and(|result| *result == Some(true)))
    }

    async fn run(self: Arc<Self>, check: PasswordCheck, sender: watch::Sender<Option<bool>>) {
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else {
            return;
        };
        self.cpu.available().await;
        let PasswordCheck {
            digest,
            password,
            hash,
            known,
        } = check;
        let began = Instant::now();
        let verified = tokio::task::spawn_blocking(move || {
            let verified = bcrypt::verify(password.reveal(), hash.reveal()).unwrap_or(false);
            (verified, turn)
        });
        let verified = verified.await;
        let result = known && verified.as_ref().is_ok_and(|(verified, _)| *verified);
        if !result {
            self.cpu.charge(began.elapsed());
        }
        let mut state = self.state();
        state.pending.remove(&digest);
        state.keep(digest, result);
        drop(state);
        sender.send_replace(Some(result));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admit(&self, source: IpAddr) -> Result<(), Busy> {
        let pending = self.pending.values();
        let of_source = pending.filter(|pending| pending.source == source).count();
        if of_source >= MAX_PENDING_PER_SOURCE {
            Err(Busy::Source)
        } else if self.pending.len() >= MAX_PENDING {
            Err(Busy::Server)
        } else {
            Ok(())
        }
    }

    fn keep(&mut self, digest: Digest, result: bool) {
        if self.results.len() >= MAX_CACHED_RESULTS {
            // Failed attempts are evicted first, so that they cannot displace valid users.
            self.results.retain(|_, result| *result);
        }
        if self.results.len() >= MAX_CACHED_RESULTS {
            self.results.clear();
        }
        self.results.insert(digest, result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> PasswordCheck {
        PasswordCheck {
            digest: password.as_bytes().to_vec(),
            password: Secret::new(password),
            hash: Secret::new(format!("$2y$04${}", ".".repeat(53))),
            known: true,
        }
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    /// Polls a verification once and drops it, as a client does that hangs up.
    async fn abandon(checks: &Arc<PasswordChecks>, source: u8, password: &str) -> Option<Busy> {
        let mut verification = std::pin::pin!(checks.verify(address(source), check(password)));
        match futures_util::poll!(verification.as_mut()) {
            std::task::Poll::Ready(result) => result.err(),
            std::task::Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn abandoned_checks_count_until_they_are_done() {
        let checks = Arc::new(PasswordChecks::default());
        let turn = Arc::clone(&checks.turn).acquire_owned().await.unwrap();
        assert_eq!(abandon(&checks, 1, "a").await, None);
        assert_eq!(abandon(&checks, 1, "b").await, None);
        assert_eq!(abandon(&checks, 1, "c").await, Some(Busy::Source));
        assert_eq!(abandon(&checks, 1, "b").await, None, "the same check");
        for source in 2..9 {
            assert_eq!(abandon(&checks, source, &format!("{source}a")).await, None);
            assert_eq!(abandon(&checks, source, &format!("{source}b")).await, None);
        }
        assert_eq!(abandon(&checks, 9, "9a").await, Some(Busy::Server));
        drop(turn);
        assert_eq!(checks.verify(address(1), check("b")).await, Ok(false));
        assert!(checks.state().results.contains_key(b"a".as_slice()));
        assert_eq!(abandon(&checks, 1, "c").await, None);
    }

    #[tokio::test]
    async fn cached_result_does_not_wait_for_other_checks() {
        let checks = Arc::new(PasswordChecks::default());
        assert_eq!(checks.verify(address(1), check("a")).await, Ok(false));
        let _turn = Arc::clone(&checks.turn).acquire_owned().await.unwrap();
        assert_eq!(abandon(&checks, 2, "b").await, None);
        assert_eq!(checks.verify(address(2), check("a")).await, Ok(false));
    }
}
