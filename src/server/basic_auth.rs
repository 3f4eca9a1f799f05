//! Basic authentication: bcrypt on a blocking thread, once per user and password.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

use crate::config::Secret;

/// Number of cached results.
const MAX_CACHED_RESULTS: usize = 128;
/// bcrypt cost for an unknown user when no other cost is known.
const DEFAULT_BCRYPT_COST: u32 = 10;

/// The users, and the results of recent attempts.
#[derive(Debug)]
pub(super) struct Auth {
    users: HashMap<String, Secret>,
    /// Hash checked for an unknown user, as costly as a real one, so that timing does not reveal
    /// which users exist.
    placeholder_hash: Secret,
    cached_result: Mutex<HashMap<Digest, bool>>,
    /// One check at a time: an attacker keeps at most one core busy.
    turn: Semaphore,
}

/// SHA-256 of user, hash and password.
type Digest = Vec<u8>;

impl Auth {
    pub(super) fn new(users: &[(String, Secret)]) -> Self {
        let cost = users
            .first()
            .and_then(|(_, hash)| hash.reveal().get(4..6)?.parse().ok())
            .unwrap_or(DEFAULT_BCRYPT_COST);
        Self {
            users: users.iter().cloned().collect(),
            placeholder_hash: Secret::new(format!("$2y${cost:02}${}", ".".repeat(53))),
            cached_result: Mutex::default(),
            turn: Semaphore::new(1),
        }
    }

    /// Returns whether the sender of this header is authorised.
    pub(super) async fn allows(self: &Auth, header: Option<&HeaderValue>) -> bool {
        if self.users.is_empty() {
            return true;
        }
        let Some((name, password)) = header.and_then(credentials) else {
            return false;
        };
        let known = self.users.get(&name);
        let hash = known.unwrap_or(&self.placeholder_hash).reveal().to_owned();
        let digest = digest(&[
            name.as_bytes(),
            hash.as_bytes(),
            password.reveal().as_bytes(),
        ]);
        if let Some(result) = self.cached_result(&digest) {
            return result;
        }
        let Ok(_turn) = self.turn.acquire().await else {
            return false;
        };
        // Another connection may have just checked the same password.
        if let Some(result) = self.cached_result(&digest) {
            return result;
        }
        let verified = tokio::task::spawn_blocking(move || {
            bcrypt::verify(password.reveal(), &hash).unwrap_or(false)
        });
        let result = verified.await.unwrap_or(false) && known.is_some();
        self.keep(digest, result);
        result
    }

    fn cached_result(&self, digest: &Digest) -> Option<bool> {
        self.cached_result
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(digest)
            .copied()
    }

    fn keep(&self, digest: Digest, result: bool) {
        let mut cached_result = self
            .cached_result
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if cached_result.len() >= MAX_CACHED_RESULTS {
            // Failed attempts are evicted first, so that they cannot displace valid users.
            cached_result.retain(|_, result| *result);
        }
        if cached_result.len() >= MAX_CACHED_RESULTS {
            cached_result.clear();
        }
        cached_result.insert(digest, result);
    }
}

/// Parses user and password of `Authorization: Basic …`.
fn credentials(header: &HeaderValue) -> Option<(String, Secret)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), Secret::new(password)))
}

fn digest(parts: &[&[u8]]) -> Digest {
    let suite = TLS13_AES_128_GCM_SHA256
        .tls13()
        .expect("a suite of TLS 1.3");
    let mut hash = suite.common.hash_provider.start();
    for part in parts {
        // The length prefix keeps the boundary between parts unambiguous.
        hash.update(&part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finish().as_ref().to_vec()
}
