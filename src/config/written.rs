//! One value as it was written, and where: what problems point at.

use crate::config::problem::{Problem, Problems};

/// One value as it was written, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Written {
    /// `environment`, `flag`, or a file's path.
    pub origin: String,
    /// The line in that file, from 1.
    pub line: Option<u64>,
    /// The key, flag or variable.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Why a value makes no sense, and what would.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wrong {
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub right: String,
}

impl Written {
    /// A value that was typed as a flag.
    pub fn flag(key: &str, value: &str) -> Self {
        Self {
            origin: "flag".to_owned(),
            line: None,
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    /// A value of the agent's environment.
    pub fn variable(key: &str, value: &str) -> Self {
        Self {
            origin: "environment".to_owned(),
            line: None,
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    /// What the value means.
    pub fn read<T>(&self, meaning: impl FnOnce(&str) -> Result<T, Wrong>) -> Result<T, Problem> {
        meaning(&self.value).map_err(|wrong| self.problem(wrong))
    }

    /// What the value means; a problem is added to the others.
    pub fn noting<T>(
        &self,
        problems: &mut Problems,
        meaning: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.read(meaning)
            .map_err(|problem| problems.0.push(problem))
            .ok()
    }

    /// What is wrong with it, with its place.
    pub fn problem(&self, wrong: Wrong) -> Problem {
        Problem {
            origin: self.origin.clone(),
            line: self.line,
            key: self.key.clone(),
            what: wrong.what,
            right: wrong.right,
        }
    }
}

impl Wrong {
    /// What is wrong, and what would be right.
    pub fn new(what: impl Into<String>, right: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            right: right.into(),
        }
    }
}
