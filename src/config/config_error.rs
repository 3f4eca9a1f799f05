//! Configuration errors, reported all at once.

use std::fmt;

/// An invalid value and what would be valid.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError {
    /// Where it was set: `environment`, `flag`, or a file's path.
    pub origin: String,
    /// Line in that file, from 1.
    pub line: Option<u64>,
    /// The key, flag or variable.
    pub key: String,
    /// The error, with the value unless it is a secret.
    pub what: String,
    /// A valid alternative.
    pub right: String,
}

/// All errors, in the order in which they were found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    /// Returns whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}; {}", self.key, self.what, self.right)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
impl std::error::Error for ConfigErrors {}
