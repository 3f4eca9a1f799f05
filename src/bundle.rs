//! The support bundle: one archive with what people who help need to see, and nothing secret.
//!
//! Invariants: every byte passes through [`crate::redaction::shareable`] on its way into the
//! archive; of objects only listed fields, variables and arguments keep their values; Secrets are
//! never read; and what cannot be collected is named in the manifest and fails nothing.

pub mod allowed_values;
pub mod archive;
pub mod archive_path;
pub mod arguments;
pub mod collection;
pub mod index;
pub mod learned_secrets;
pub mod limits;
pub mod log_tail;
pub mod manifest;
pub mod objects;
pub mod outcome;
pub mod ownership;
pub mod sources;

pub use collection::{BundleRequest, CollectedBundle, Renderers, collect};
pub use limits::Limits;
pub use sources::own_state::OwnReport;
