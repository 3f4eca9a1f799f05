//! Python programs that `scripts/install-python` installs.

use std::path::PathBuf;

use tokio::process::Command;

/// Script that prints the path of a program's Python, and installs it if needed.
const INSTALL_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/install-python");

/// A Python program is not installed.
#[derive(Debug, thiserror::Error)]
#[error("{name} is not installed; run `make install`, or: scripts/install-python {name}")]
pub(crate) struct NotInstalledError {
    name: &'static str,
}

/// Returns the path of the Python that has this program's packages.
pub(crate) async fn installed(name: &'static str) -> Result<PathBuf, NotInstalledError> {
    let mut command = Command::new(INSTALL_SCRIPT);
    let place = command.args([name, "--where"]).output().await;
    let path = place.map(|place| PathBuf::from(String::from_utf8_lossy(&place.stdout).trim()));
    path.ok()
        .filter(|path| path.is_file())
        .ok_or(NotInstalledError { name })
}
