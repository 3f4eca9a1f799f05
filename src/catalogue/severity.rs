//! The severity of a failure and of an alert.

/// The urgency of a failure or an alert; the most urgent is the greatest.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Always fires and notifies no one; its absence is the signal.
    None,
    /// Context: the agent does not use what fails.
    Info,
    /// A ticket: the agent survives it, or a feature is degraded.
    Warning,
    /// A page: the agent cannot work, or not reliably.
    Critical,
}

impl Severity {
    /// The severities of failures, most urgent first.
    pub const OF_FAILURES: &'static [Self] = &[Self::Critical, Self::Warning, Self::Info];

    /// Returns the value of the label `severity`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
