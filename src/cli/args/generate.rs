//! Arguments of `generate`.

use std::path::PathBuf;

use crate::config::sourced_value::InvalidValue;
use crate::config::values;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct GenerateArgs {
    /// Directory to write to.
    #[arg(value_name = "DIR")]
    pub(in crate::cli) dir: PathBuf,
    /// Write nothing; list outdated files and exit with 1 if there are any.
    #[arg(long)]
    pub(in crate::cli) check: bool,
    /// Do not list the files.
    #[arg(long, short)]
    pub(in crate::cli) quiet: bool,
    /// Base URL of the runbook links in alerts and dashboards; without one there are no links.
    #[arg(long = "runbook.base-url", value_name = "URL", value_parser = base_url)]
    pub(in crate::cli) runbook_base_url: Option<String>,
}

/// Accepts an absolute URL: a relative link leads nowhere in a notification.
fn base_url(text: &str) -> Result<String, String> {
    match values::link(text) {
        Ok(_) => Ok(text.trim_end_matches('/').to_owned()),
        Err(InvalidValue { what, right }) => Err(format!("{what}: {right}")),
    }
}
