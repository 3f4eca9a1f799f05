//! A setting that the agent or the exporter cannot use.

/// Why a setting cannot be used: one sentence, without secrets.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(String);

impl From<String> for SettingError {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}
