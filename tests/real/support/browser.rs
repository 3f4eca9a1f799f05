//! Chromium, which opens pages and reports what is wrong with them.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Script that prints the path of axe-core's script.
const INSTALL_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/install-axe");
/// Program that drives the browser.
const INSPECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/inspect.mjs");
/// Program that lets a page follow changes.
const FOLLOW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/follow.mjs");

/// Opens pages, each a name and a URL, at every width in both themes; returns a report of each.
pub(crate) async fn inspect(folder: &Path, pages: &[(&str, String)]) -> Vec<Value> {
    let mut command = Command::new("node");
    command.arg(INSPECT).arg(axe().await).arg(folder);
    command.args(pages.iter().map(|(name, url)| format!("{name}={url}")));
    serde_json::from_str(&output(command).await).unwrap()
}

/// Opens a live page, lets `change` take effect once it is shown, and returns what `follow.mjs`
/// observed.
pub(crate) async fn follow(url: &str, change: impl Future<Output = ()>) -> Value {
    let mut node = Command::new("node")
        .args([FOLLOW, url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("a program is missing: run make install");
    let mut printed = BufReader::new(node.stdout.take().unwrap()).lines();
    let first = printed.next_line().await.unwrap();
    assert_eq!(first.as_deref(), Some("ready"), "its error is above");
    change.await;
    let report = printed.next_line().await.unwrap();
    assert!(node.wait().await.unwrap().success(), "its error is above");
    serde_json::from_str(&report.unwrap()).unwrap()
}

async fn axe() -> String {
    let mut command = Command::new(INSTALL_SCRIPT);
    command.arg("--where");
    let path = output(command).await.trim().to_owned();
    assert!(
        Path::new(&path).exists(),
        "axe-core is missing: run scripts/install-axe, or make install"
    );
    path
}

async fn output(mut command: Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output()
        .await
        .expect("a program is missing: run make install");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}
