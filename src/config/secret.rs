//! A value that is never shown.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::redaction::RegisteredSecret;

/// A key, token or password; only [`Secret::reveal`] returns it, and text that contains it is
/// redacted.
#[derive(Clone)]
pub struct Secret(Value);

#[derive(Clone)]
enum Value {
    Registered(Arc<RegisteredSecret>),
    Unregistered(Arc<str>),
}

impl Secret {
    /// Wraps a value, and redacts it everywhere.
    pub fn new(value: impl Into<String>) -> Self {
        Self::with_parts(value, Vec::new())
    }

    /// Wraps a value, and redacts it and parts of it that are secret on their own.
    pub fn with_parts(value: impl Into<String>, parts: Vec<String>) -> Self {
        let registered = RegisteredSecret::new(value.into(), parts);
        Self(Value::Registered(Arc::new(registered)))
    }

    /// Wraps a value that may be secret or an ordinary word, such as any environment variable. Text
    /// that contains it is not redacted.
    pub fn unregistered(value: impl Into<String>) -> Self {
        Self(Value::Unregistered(value.into().into()))
    }

    /// Returns the value, for the one header it belongs in.
    pub fn reveal(&self) -> &str {
        match &self.0 {
            Value::Registered(secret) => secret.value(),
            Value::Unregistered(value) => value,
        }
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.reveal() == other.reveal()
    }
}

impl Eq for Secret {}

impl Hash for Secret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.reveal().hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
