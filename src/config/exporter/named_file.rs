//! Files named by flags or the configuration file.

use std::path::PathBuf;

use crate::config::sourced_value::SourcedValue;

/// A file or directory named by a flag or the configuration file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedFile {
    /// Its purpose.
    pub purpose: Purpose,
    /// Its path.
    pub path: PathBuf,
    /// Where it was named.
    pub written: SourcedValue,
}

/// The purpose of a named file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// To reach the API server.
    Kubeconfig,
    /// Directory with a token and a CA certificate.
    ServiceAccount,
    /// Name resolution.
    Names,
}
