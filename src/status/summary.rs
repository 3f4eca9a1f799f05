//! The number of checks per status.

use serde::Serialize;

/// The number of checks per status.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) ok: usize,
    pub(super) warning: usize,
    pub(super) failing: usize,
    pub(super) unknown: usize,
    pub(super) not_applicable: usize,
    pub(super) skipped: usize,
}
