//! The result of a source of the bundle, and the task that reads it.

use std::fmt;

use futures_util::future::LocalBoxFuture;

use crate::bundle::archive::CollectedFile;
use crate::bundle::manifest::LeftOut;
use crate::doctor::View;

/// The result of a source.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The files.
    pub files: Vec<CollectedFile>,
    /// Parts that could not be collected.
    pub left_out: Vec<LeftOut>,
    /// The verdicts of exporters.
    pub views: Vec<View>,
}

/// A source that is read at some time.
pub struct Task<'a> {
    what: String,
    run: LocalBoxFuture<'a, Outcome>,
}

impl fmt::Debug for Task<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.what).finish()
    }
}

impl<'a> Task<'a> {
    /// Returns a task; `what` names it if it is not done in time.
    pub fn new(what: impl Into<String>, run: impl Future<Output = Outcome> + 'a) -> Self {
        Self {
            what: what.into(),
            run: Box::pin(run),
        }
    }

    /// Returns its name and its work.
    pub fn into_parts(self) -> (String, LocalBoxFuture<'a, Outcome>) {
        (self.what, self.run)
    }
}
