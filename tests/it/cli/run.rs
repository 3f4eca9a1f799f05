//! `run`: what it says when it starts.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::cli::program;

#[test]
fn run_warns_when_it_finds_nothing_to_check() {
    let mut child = program(&["run", "--web.listen-address=127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let warning =
        lines.find_map(|line| Some(line.unwrap()).filter(|line| line.contains("nothing to check")));
    child.kill().unwrap();
    child.wait().unwrap();
    let warning = warning.expect("the log ends only with the process");
    assert!(
        warning.contains("level=warn") && warning.contains("KUBECONFIG"),
        "{warning}"
    );
}
