//! The functions that produce the responses.

use std::fmt;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

/// The functions that produce the responses.
pub struct Handlers {
    /// Renders the Prometheus exposition.
    pub metrics: Box<dyn Fn() -> Vec<u8> + Send + Sync>,
    /// Renders the JSON document.
    pub status_json: AsyncRenderer,
    /// Renders the changes of the last 24 hours as JSON.
    pub history_json: Box<dyn Fn() -> Vec<u8> + Send + Sync>,
    /// Renders the status page.
    pub page: AsyncRenderer,
    /// Renders the list of all runbooks.
    pub runbook_index: Box<dyn Fn() -> String + Send + Sync>,
    /// Renders the runbook of an alert as a page.
    pub runbook_page: Runbooks,
    /// The value of `Content-Security-Policy` for every page.
    pub content_security_policy: &'static str,
    /// Returns an error that names the missing checks until every check has a verdict.
    pub ready: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// Finds the Markdown of an alert's runbook.
    pub runbook: Runbooks,
    /// Requests a reload; the result comes back on the inner channel. `None` if reloading is
    /// disabled.
    pub reload: Option<Reload>,
}

/// Renders a document after it has read what it needs from elsewhere.
pub(super) type AsyncRenderer = Box<dyn Fn() -> BoxFuture<'static, Vec<u8>> + Send + Sync>;

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
