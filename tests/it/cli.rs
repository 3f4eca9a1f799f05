//! The binary: exit codes, standard output and standard error, by command.

mod catalogue;
mod check;
mod config_check;
mod explain;
mod run;
mod usage;

use std::io::Write;
use std::process::{Child, Command, Stdio};

/// Returns the binary with an empty environment.
pub(crate) fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_castai-health-exporter"));
    command.args(args).env_clear();
    command
}

/// Exit code and output of the binary.
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Output {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn piped(args: &[&str]) -> Child {
    let mut command = program(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

fn stdout_for_input(args: &[&str], input: &[u8]) -> String {
    let mut child = piped(args);
    child
        .stdin
        .take()
        .expect("the stream is piped")
        .write_all(input)
        .expect("the binary reads its input");
    let output = child.wait_with_output().expect("the binary exits");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("output is UTF-8")
}
