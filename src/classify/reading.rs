//! Meaning of a text.

use crate::catalogue::FailureMode;

/// Meaning of a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reading {
    /// A fault; one that no rule matches is [`FailureMode::Unclassified`].
    Mode(FailureMode),
    /// A harmless line, or only the consequence of a fault that it does not name.
    Harmless,
}

impl Reading {
    /// Returns the failure mode, if the text names a fault.
    pub const fn mode(self) -> Option<FailureMode> {
        match self {
            Self::Mode(mode) => Some(mode),
            Self::Harmless => None,
        }
    }
}

impl From<FailureMode> for Reading {
    fn from(mode: FailureMode) -> Self {
        Self::Mode(mode)
    }
}
