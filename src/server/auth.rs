//! Basic authentication: bcrypt on a thread of its own, once for each pair of name and password.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

use crate::config::Secret;

/// Results that are kept.
const MAX_KEPT: usize = 128;
/// What bcrypt costs when a name is unknown and no other cost is known.
const USUAL_COST: u32 = 10;

/// Who may ask, and who was asked lately.
#[derive(Debug)]
pub(super) struct Auth {
    users: HashMap<String, Secret>,
    /// In the place of an unknown user's hash, as costly as a real one, so that time does not tell who is known.
    nobody: Secret,
    kept: Mutex<HashMap<Digest, bool>>,
    /// One at a time: whoever guesses keeps one core busy at most.
    turn: Semaphore,
}

/// SHA-256 of name, hash and password.
type Digest = Vec<u8>;

impl Auth {
    pub(super) fn new(users: &[(String, Secret)]) -> Self {
        let cost = users
            .first()
            .and_then(|(_, hash)| hash.reveal().get(4..6)?.parse().ok())
            .unwrap_or(USUAL_COST);
        Self {
            users: users.iter().cloned().collect(),
            nobody: Secret::new(format!("$2y${cost:02}${}", ".".repeat(53))),
            kept: Mutex::default(),
            turn: Semaphore::new(1),
        }
    }

    /// Whether whoever sent this header may ask.
    pub(super) async fn allows(self: &Auth, header: Option<&HeaderValue>) -> bool {
        if self.users.is_empty() {
            return true;
        }
        let Some((name, password)) = header.and_then(credentials) else {
            return false;
        };
        let known = self.users.get(&name);
        let hash = known.unwrap_or(&self.nobody).reveal().to_owned();
        let digest = digest(&[
            name.as_bytes(),
            hash.as_bytes(),
            password.reveal().as_bytes(),
        ]);
        if let Some(result) = self.kept(&digest) {
            return result;
        }
        let Ok(_turn) = self.turn.acquire().await else {
            return false;
        };
        // Another connection may just have asked the same.
        if let Some(result) = self.kept(&digest) {
            return result;
        }
        let verified = tokio::task::spawn_blocking(move || {
            bcrypt::verify(password.reveal(), &hash).unwrap_or(false)
        });
        let result = verified.await.unwrap_or(false) && known.is_some();
        self.keep(digest, result);
        result
    }

    fn kept(&self, digest: &Digest) -> Option<bool> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(digest)
            .copied()
    }

    fn keep(&self, digest: Digest, result: bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            // Guesses make room first, so that they cannot push out those who know their password.
            kept.retain(|_, result| *result);
        }
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(digest, result);
    }
}

/// Name and password of `Authorization: Basic …`.
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
        // With its length before it, no part can be taken for the end of another.
        hash.update(&part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finish().as_ref().to_vec()
}
