//! Commands and flags: one file per command, and one per group of flags that commands share.

pub(super) mod bundle;
pub(super) mod catalogue;
pub(super) mod check;
pub(super) mod completion;
mod configuration;
pub(super) mod explain;
pub(super) mod generate;
pub(super) mod man;
pub(super) mod output;
pub(super) mod preflight;
pub(super) mod run;
pub(super) mod version;

use std::ffi::OsStr;
use std::path::Path;

use clap::{Parser, Subcommand};

use crate::cli::args::bundle::BundleArgs;
use crate::cli::args::catalogue::CatalogueArgs;
use crate::cli::args::check::CheckArgs;
use crate::cli::args::completion::CompletionArgs;
use crate::cli::args::explain::ExplainArgs;
use crate::cli::args::generate::GenerateArgs;
use crate::cli::args::man::ManArgs;
use crate::cli::args::run::RunArgs;
use crate::cli::args::version::VersionArgs;

/// Name of the program, as help, man pages and completions spell it.
pub(super) const PROGRAM: &str = "castai-health-exporter";

/// The program as a plugin of kubectl, which looks for it under this name on `PATH`.
const PLUGIN: (&str, &str) = ("kubectl-castai_health", "kubectl castai-health");

/// Returns how a person types the program that was started as this file.
pub(super) fn spelling_of(program: Option<&OsStr>) -> &'static str {
    let (file, spelling) = PLUGIN;
    match program.map(Path::new).and_then(Path::file_stem) {
        Some(name) if name == file => spelling,
        _ => PROGRAM,
    }
}

pub(super) const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (revision ",
    env!("BUILD_REVISION"),
    ", rustc ",
    env!("BUILD_RUSTVERSION"),
    ", ",
    env!("BUILD_PLATFORM"),
    ")"
);

/// Monitors everything the CAST AI agent depends on and reports what is broken and how to fix it.
///
/// Without a command, it runs `run`. Flags follow the command.
///
/// Exit codes: 0 nothing failing, 1 something failing, 2 wrong usage or invalid configuration.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version = LONG_VERSION, args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// Flags of `run`, which is the command if none is given.
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run all checks continuously and serve /metrics (the default).
    Run(Box<RunArgs>),
    /// Run checks once and report failures with their fixes.
    Check(Box<CheckArgs>),
    /// Collect reports, logs and objects into one archive for support, without secrets.
    Bundle(Box<BundleArgs>),
    /// Explain a check, a failure mode, an alert or an error message, or name the cause in text read from standard input.
    Explain(ExplainArgs),
    /// List all checks, failure modes, alerts and metrics.
    Catalogue(CatalogueArgs),
    /// Write alert rules, runbooks and dashboards.
    Generate(GenerateArgs),
    /// Print a completion script for a shell.
    Completion(CompletionArgs),
    /// Print the man page.
    Man(ManArgs),
    /// Print the version.
    Version(VersionArgs),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugin_of_kubectl_is_spelled_as_it_is_typed() {
        let spelling = |path: &str| spelling_of(Some(path.as_ref()));
        assert_eq!(
            spelling("/home/me/.krew/bin/kubectl-castai_health"),
            "kubectl castai-health"
        );
        assert_eq!(spelling("./castai-health-exporter"), PROGRAM);
        assert_eq!(spelling_of(None), PROGRAM);
    }

    #[test]
    fn clap_accepts_the_command_definition() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }
}
