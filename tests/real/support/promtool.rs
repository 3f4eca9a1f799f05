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
        .expect("failed to run promtool; run `make install`");
    promtool
        .stdin
        .take()
        .expect("stderr is piped")
        .write_all(text.as_bytes())
        .expect("promtool does not read stdin");
    let evidence = promtool.wait_with_output().expect("promtool does not exit");
    let words = [evidence.stdout, evidence.stderr].concat();
    assert!(
        evidence.status.success() && words.is_empty(),
        "{}\n{text}",
        String::from_utf8_lossy(&words)
    );
}
