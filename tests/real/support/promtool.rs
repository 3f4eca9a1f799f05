//! Runs promtool.

use std::io::Write;
use std::process::{Command, Stdio};

/// Asserts that promtool accepts an exposition.
pub(crate) fn assert_accepts(text: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed by `make install`");
    promtool
        .stdin
        .take()
        .expect("it is piped")
        .write_all(text.as_bytes())
        .expect("promtool reads");
    let said = promtool.wait_with_output().expect("promtool ends");
    let words = [said.stdout, said.stderr].concat();
    assert!(
        said.status.success() && words.is_empty(),
        "{}\n{text}",
        String::from_utf8_lossy(&words)
    );
}
