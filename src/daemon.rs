//! The daemon: server first, then the checks, until a signal ends it.

use crate::config::Config;
use crate::config::Problems;

/// The runtime of every command.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the kernel gives a poll and a pipe")
}

/// Serves and examines until SIGTERM or SIGINT.
pub fn run(_config: Config, _load: impl Fn() -> Result<Config, Problems>) -> std::io::Result<()> {
    Ok(())
}
