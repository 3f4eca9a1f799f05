//! The functions that produce the responses.

use std::fmt;

use tokio::sync::{mpsc, oneshot};

use crate::server::page::Page;

/// The functions that produce the responses.
pub struct Handlers {
    /// Renders the Prometheus exposition.
    pub metrics: Box<dyn Fn() -> Vec<u8> + Send + Sync>,
    /// Renders the JSON document.
    pub status_json: Box<dyn Fn() -> Vec<u8> + Send + Sync>,
    /// Collects the content of the status page.
    pub page: Box<dyn Fn() -> Page + Send + Sync>,
    /// Returns an error that names the missing checks until every check has a verdict.
    pub ready: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// Finds the runbook of an alert.
    pub runbook: Runbooks,
    /// Requests a reload; the result comes back on the inner channel. `None` if reloading is
    /// disabled.
    pub reload: Option<Reload>,
}

/// Maps an alert name to the text of its runbook.
pub type Runbooks = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Requests a reload of the configuration; the errors come back on the inner channel.
pub type Reload = mpsc::Sender<oneshot::Sender<Result<(), String>>>;

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers")
            .field("reload", &self.reload.is_some())
            .finish_non_exhaustive()
    }
}
