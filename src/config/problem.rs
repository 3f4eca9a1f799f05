//! What is wrong with a configuration, all at once.

use std::fmt;

/// One value that makes no sense, and what would.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where it was written: `environment`, `flag`, or a file's path.
    pub origin: String,
    /// The line in that file, from 1.
    pub line: Option<u64>,
    /// The key, flag or variable.
    pub key: String,
    /// What is wrong, with the value unless it is a secret.
    pub what: String,
    /// What would be right.
    pub right: String,
}

/// Everything that is wrong, in the order in which it was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}; {}", self.key, self.what, self.right)
    }
}

impl fmt::Display for Problems {
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

impl std::error::Error for Problem {}
impl std::error::Error for Problems {}
