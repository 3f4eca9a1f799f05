//! Exit codes.

use std::process::ExitCode;

use crate::catalogue::Status;
use crate::cli::output::diagnostic;
use crate::config::ConfigErrors;

/// Result of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Exit {
    /// Nothing is failing.
    Success,
    /// Something is failing.
    Failing,
    /// Wrong usage or invalid configuration.
    Usage,
}

impl Exit {
    /// Reports wrong usage on standard error.
    pub(super) fn usage(message: &str) -> Self {
        diagnostic("error", message);
        Self::Usage
    }

    /// Reports every problem of the configuration on standard error.
    pub(super) fn invalid(problems: &ConfigErrors) -> Self {
        for problem in &problems.0 {
            diagnostic("error", &problem.to_string());
        }
        Self::Usage
    }

    /// Returns the exit code that the status of a check causes.
    pub(super) const fn for_status(status: Status, strict: bool) -> Self {
        match status {
            Status::Failing => Self::Failing,
            Status::Warning | Status::Unknown if strict => Self::Failing,
            Status::Ok | Status::Warning | Status::Unknown | Status::NotApplicable => Self::Success,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failing => 1,
            Exit::Usage => 2,
        })
    }
}
