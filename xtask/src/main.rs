//! Tasks for developers of this repository.
//!
//! `cargo xtask generate` writes every generated file. What users generate for themselves is
//! `castai_health_exporter::alerting`; this package adds what only the repository holds.

mod chart;
mod docs;
mod generate;
mod header;
mod markdown;
mod permissions;
mod promtool;
mod release;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

/// Tasks for developers of castai-health-exporter.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Write every generated file of the repository.
    Generate {
        /// Write nothing; list outdated files and exit with 1 if there are any.
        #[arg(long)]
        check: bool,
        /// Root of the repository.
        #[arg(value_name = "DIR", default_value_os_t = repository())]
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    let Task::Generate { check, dir } = Task::parse();
    let changes = match generate::changes(&dir) {
        Ok(changes) => changes,
        Err(error) => return fail(&error.to_string()),
    };
    for change in &changes {
        if !check && let Err(error) = change.apply(&dir) {
            return fail(&error.to_string());
        }
        let _ = writeln!(std::io::stdout().lock(), "{change}");
    }
    if check && !changes.is_empty() {
        return fail("generated files are outdated: run `cargo xtask generate`");
    }
    ExitCode::SUCCESS
}

fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("xtask is a directory of the repository")
        .to_owned()
}

fn fail(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "error: {message}");
    ExitCode::FAILURE
}
