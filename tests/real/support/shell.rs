//! Runs the commands of the documentation in a shell, with our program, and with `helm` and
//! `kubectl` for a cluster.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use tempfile::TempDir;
use tokio::process::Command;

use crate::support::cluster::Cluster;
use crate::support::helm::{Helm, IMAGE};

/// Image that the documentation names.
const DOCUMENTED_IMAGE: &str = "registry.example.com/castai-health-exporter";

/// A shell in the root of the repository.
pub(crate) struct Shell {
    bin: TempDir,
    kubeconfig: PathBuf,
}

impl Shell {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let bin = TempDir::new().unwrap();
        symlink(Helm::latest().program(), bin.path().join("helm")).unwrap();
        let own = bin.path().join("castai-health-exporter");
        symlink(test_support::exporter::program(), own).unwrap();
        let kubectl = bin.path().join("kubectl");
        let program = cluster.program().display();
        fs::write(
            &kubectl,
            format!("#!/bin/sh\nexec {program} kubectl \"$@\"\n"),
        )
        .unwrap();
        fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            bin,
            kubeconfig: cluster.kubeconfig().to_owned(),
        }
    }

    /// Runs commands with the image of the tests and returns their output, or their error output.
    pub(crate) async fn run(&self, commands: &str) -> Result<String, String> {
        let (_, image) = IMAGE.split_once('=').expect("it is a setting");
        let path = format!(
            "{}:{}",
            self.bin.path().display(),
            std::env::var_os("PATH").unwrap().display()
        );
        let ran = Command::new("bash")
            .args(["-euo", "pipefail", "-c"])
            .arg(commands.replace(DOCUMENTED_IMAGE, image))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", path)
            .env("KUBECONFIG", &self.kubeconfig)
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if ran.status.success() {
            Ok(text(&ran.stdout))
        } else {
            Err(format!(
                "{commands}\n{}\n{}",
                text(&ran.stderr),
                text(&ran.stdout)
            ))
        }
    }
}
