//! The authorized networks of a cluster's control plane, and the error if they could not be read.

use std::fmt::Display;

use crate::checks::control_plane_access::remedy::Remedy;
use crate::cloud::ControlPlane;

/// A cluster's authorized networks, and the commands to change them.
pub(super) struct ClusterAccess {
    /// The cluster's name.
    pub(super) cluster: String,
    pub(super) plane: ControlPlane,
    pub(super) remedy: Remedy,
}

/// The reason why the authorized networks could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct AccessListError(String);

impl AccessListError {
    /// Wraps a cause.
    pub(super) fn new(cause: impl Display) -> Self {
        Self(cause.to_string())
    }
}
