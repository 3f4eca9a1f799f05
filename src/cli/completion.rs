//! `completion`: prints a completion script for a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::args::completion::CompletionArgs;
use crate::cli::args::{Args, PROGRAM};
use crate::cli::exit::Exit;
use crate::cli::output::print;

/// The program's name in the labels that `clap_complete` writes for bash, where it separates words
/// as if they were commands, and in the code that jumps to them.
const LABELS_IN_BASH: (&str, &str) = (
    "castai__subcmd__health__subcmd__exporter",
    "castai__health__exporter",
);

pub(super) fn run(options: &CompletionArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(
        Shell::from(options.shell),
        &mut Args::command(),
        PROGRAM,
        &mut script,
    );
    let (written, used) = LABELS_IN_BASH;
    print(&String::from_utf8_lossy(&script).replace(written, used));
    Exit::Success
}
