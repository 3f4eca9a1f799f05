//! The agent's version, from its image tag.

use std::fmt;

use crate::config::sourced_value::InvalidValue;
use crate::config::values;

/// A version such as `v0.123.1`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// The first version with an SDK that accepts EKS Pod Identity.
    pub const POD_IDENTITY: Self = Self(0, 94, 0);
    /// The first version with the second-generation SDK: regional STS, endpoints from the
    /// environment.
    pub const SDK_V2: Self = Self(0, 96, 0);

    /// Parses an image tag; `None` if the tag is not a version.
    pub fn of_tag(tag: &str) -> Option<Self> {
        Self::read(tag).ok()
    }

    /// Parses a version with or without `v`; a suffix after a dash or plus is ignored.
    pub(crate) fn read(text: &str) -> Result<Self, InvalidValue> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        let bare = bare.split(['-', '+']).next().unwrap_or_default();
        let parts: Option<Vec<u32>> = bare.split('.').map(|part| part.parse().ok()).collect();
        match parts.as_deref() {
            Some([major, minor, patch]) => Ok(Self(*major, *minor, *patch)),
            _ => Err(InvalidValue::new(
                format!("{} is not a version", values::shown(text)),
                "write one such as v0.123.1",
            )),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.0, self.1, self.2)
    }
}
