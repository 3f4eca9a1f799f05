//! Errors of kubeconfigs.

/// An error while loading a kubeconfig. Omits the file's text, which may be secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct KubeconfigError(pub(super) String);
