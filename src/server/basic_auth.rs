//! Basic authentication against the users of the web configuration.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use tokio_rustls::rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

use crate::config::Secret;
use crate::server::password_checks::{Busy, Digest, PasswordCheck, PasswordChecks};

/// bcrypt cost for an unknown user when no other cost is known.
const DEFAULT_BCRYPT_COST: u32 = 10;

/// The users, and the results of recent attempts.
#[derive(Debug)]
pub(super) struct Auth {
    users: HashMap<String, Secret>,
    /// Hash checked for an unknown user, as costly as a real one, so that timing does not reveal
    /// which users exist.
    placeholder_hash: Secret,
    checks: Arc<PasswordChecks>,
}

impl Auth {
    pub(super) fn new(users: &[(String, Secret)]) -> Self {
        let cost = users
            .first()
            .and_then(|(_, hash)| hash.reveal().get(4..6)?.parse().ok())
            .unwrap_or(DEFAULT_BCRYPT_COST);
        Self {
            users: users.iter().cloned().collect(),
            placeholder_hash: Secret::unregistered(format!("$2y${cost:02}${}", ".".repeat(53))),
            checks: Arc::default(),
        }
    }

    /// Returns whether the sender of this header is authorised.
    pub(super) async fn allows(
        &self,
        source: IpAddr,
        header: Option<&HeaderValue>,
    ) -> Result<bool, Busy> {
        if self.users.is_empty() {
            return Ok(true);
        }
        let Some((name, password)) = header.and_then(credentials) else {
            return Ok(false);
        };
        let known = self.users.get(&name);
        let hash = known.unwrap_or(&self.placeholder_hash);
        let check = PasswordCheck {
            digest: digest(&[
                name.as_bytes(),
                hash.reveal().as_bytes(),
                password.reveal().as_bytes(),
            ]),
            password,
            hash: hash.clone(),
            known: known.is_some(),
        };
        self.checks.verify(source, check).await
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
    Some((name.to_owned(), Secret::unregistered(password)))
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
