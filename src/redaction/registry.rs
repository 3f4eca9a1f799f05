//! The secrets that this process holds, and the last ones that it held.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::redaction::matcher::Matcher;

/// Number of secrets that are remembered after the process dropped them. Their echo may still be on
/// its way, or in a log.
const MAX_REMEMBERED: usize = 64;

static REGISTRY: Mutex<Registry> = Mutex::new(Registry::new());

struct Registry {
    /// Each held secret, with the number of its holders.
    held: BTreeMap<Box<[u8]>, usize>,
    /// Secrets that are no longer held, oldest first.
    remembered: VecDeque<Box<[u8]>>,
    /// The matcher for all of them; `None` after a change.
    matcher: Option<Arc<Matcher>>,
}

/// A secret that is known while this value exists, and for some time after.
pub struct RegisteredSecret {
    value: String,
    /// Parts that are secret on their own, such as the password in `user:password`.
    parts: Vec<String>,
}

impl RegisteredSecret {
    /// Registers a secret, and parts or other forms of it that are secret on their own.
    pub fn new(value: String, parts: Vec<String>) -> Self {
        let mut registry = locked();
        for secret in parts.iter().chain([&value]) {
            registry.hold(secret.as_bytes());
        }
        Self { value, parts }
    }

    /// Returns the value.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl Drop for RegisteredSecret {
    fn drop(&mut self) {
        let mut registry = locked();
        for secret in self.parts.iter().chain([&self.value]) {
            registry.release(secret.as_bytes());
        }
    }
}

impl fmt::Debug for RegisteredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegisteredSecret(…)")
    }
}

impl Registry {
    const fn new() -> Self {
        Self {
            held: BTreeMap::new(),
            remembered: VecDeque::new(),
            matcher: None,
        }
    }

    fn hold(&mut self, secret: &[u8]) {
        if let Some(count) = self.held.get_mut(secret) {
            *count += 1;
            return;
        }
        self.held.insert(secret.into(), 1);
        match self.position(secret) {
            // The matcher knows it already.
            Some(at) => drop(self.remembered.remove(at)),
            None => self.matcher = None,
        }
    }

    fn release(&mut self, secret: &[u8]) {
        let Some(count) = self.held.get_mut(secret) else {
            return;
        };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.held.remove(secret);
        self.remembered.push_back(secret.into());
        if self.remembered.len() > MAX_REMEMBERED {
            self.remembered.pop_front();
            self.matcher = None;
        }
    }

    fn position(&self, secret: &[u8]) -> Option<usize> {
        self.remembered.iter().position(|known| **known == *secret)
    }
}

/// Remembers a secret that this process sends or received but does not keep.
pub fn remember(secret: &[u8]) {
    let mut registry = locked();
    registry.hold(secret);
    registry.release(secret);
}

/// Returns the matcher for all secrets.
pub(super) fn matcher() -> Arc<Matcher> {
    let mut registry = locked();
    if let Some(matcher) = &registry.matcher {
        return Arc::clone(matcher);
    }
    let known = registry.held.keys().chain(&registry.remembered);
    let matcher = Arc::new(Matcher::new(known.map(AsRef::as_ref)));
    registry.matcher = Some(Arc::clone(&matcher));
    matcher
}

fn locked() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(registry: &Registry) -> usize {
        registry.held.len() + registry.remembered.len()
    }

    #[test]
    fn held_secrets_are_known_however_many_are_remembered() {
        let mut registry = Registry::new();
        registry.hold(b"the key");
        for number in 0..1000 {
            let token = format!("token {number}");
            registry.hold(token.as_bytes());
            registry.hold(token.as_bytes());
            registry.release(token.as_bytes());
            registry.release(token.as_bytes());
        }
        assert_eq!(known(&registry), 1 + MAX_REMEMBERED);
        assert!(registry.held.contains_key(&b"the key"[..]));
        assert!(
            registry.position(b"token 999").is_some() && registry.position(b"token 7").is_none()
        );
        registry.hold(b"token 999");
        assert_eq!(known(&registry), 1 + MAX_REMEMBERED, "it is held again");
    }
}
