//! A configured value and where it was set.

use crate::config::config_error::{ConfigError, ConfigErrors};

/// A configured value and where it was set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourcedValue {
    /// `environment`, `flag`, or a file's path.
    pub origin: String,
    /// The line in that file, from 1.
    pub line: Option<u64>,
    /// The key, flag or variable.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Why a value is invalid, and what would be valid.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidValue {
    /// The error.
    pub what: String,
    /// A valid alternative.
    pub right: String,
}

impl SourcedValue {
    /// Returns the value of a flag.
    pub fn flag(key: &str, value: &str) -> Self {
        Self {
            origin: "flag".to_owned(),
            line: None,
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    /// Returns a value of the agent's environment.
    pub fn variable(key: &str, value: &str) -> Self {
        Self {
            origin: "environment".to_owned(),
            line: None,
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    /// Parses the value.
    pub fn read<T>(
        &self,
        meaning: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Result<T, ConfigError> {
        meaning(&self.value).map_err(|wrong| self.problem(wrong))
    }

    /// Parses the value; an error is added to the others.
    pub fn noting<T>(
        &self,
        problems: &mut ConfigErrors,
        meaning: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        self.read(meaning)
            .map_err(|problem| problems.0.push(problem))
            .ok()
    }

    /// Adds the location to an error.
    pub fn problem(&self, wrong: InvalidValue) -> ConfigError {
        ConfigError {
            origin: self.origin.clone(),
            line: self.line,
            key: self.key.clone(),
            what: wrong.what,
            right: wrong.right,
        }
    }
}

impl InvalidValue {
    /// Returns the error.
    pub fn new(what: impl Into<String>, right: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            right: right.into(),
        }
    }
}
