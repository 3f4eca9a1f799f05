//! Secrets that the bundle meets while it redacts objects. From then on they are hidden everywhere:
//! a password in a variable is hidden in the log that prints it, too.

use std::collections::BTreeSet;

use crate::redaction::{RegisteredSecret, secret_parts};

/// Largest number of secrets that are learned.
const MAX_SECRETS: usize = 512;
/// Lengths of a secret that is learned, in bytes. Shorter ones would match ordinary words.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 8..=4096;

/// The secrets of redacted values.
#[derive(Debug, Default)]
pub struct LearnedSecrets {
    known: BTreeSet<String>,
    registered: Vec<RegisteredSecret>,
}

impl LearnedSecrets {
    /// Learns what is secret in a value with this name.
    pub fn learn(&mut self, name: &str, value: &str) {
        for part in secret_parts(name, value) {
            self.register(part);
            if let Some((_, password)) = part.split_once(':') {
                self.register(password);
            }
        }
    }

    fn register(&mut self, secret: &str) {
        let new = SECRET_BYTES.contains(&secret.len())
            && self.registered.len() < MAX_SECRETS
            && !self.known.contains(secret);
        if new {
            self.known.insert(secret.to_owned());
            self.registered
                .push(RegisteredSecret::new(secret.to_owned(), Vec::new()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redaction::shareable;

    #[test]
    fn secret_of_a_variable_is_hidden_in_free_text() {
        let line = "login with zu7Gahngoh4eiK failed, again with k1ng-of-the-Hill!";
        assert_eq!(shareable(line).text, line);
        let mut learned = LearnedSecrets::default();
        learned.learn("DB_PASSWORD", "zu7Gahngoh4eiK");
        learned.learn("DATABASE_URL", "postgres://app:k1ng-of-the-Hill!@db/app");
        assert_eq!(
            shareable(line).text,
            "login with [redacted] failed, again with [redacted]"
        );
    }

    #[test]
    fn ordinary_values_are_not_learned() {
        let mut learned = LearnedSecrets::default();
        for (name, value) in [
            ("TOKEN_SECRET", "castai-agent"),
            ("KEY", "castai-agent"),
            ("LOG_LEVEL", "debug-everything-2"),
            ("PASSWORD", "short1"),
        ] {
            learned.learn(name, value);
        }
        assert!(learned.known.is_empty(), "{:?}", learned.known);
    }
}
