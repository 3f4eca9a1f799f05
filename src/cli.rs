//! The command line: `run`, `check`, `explain`, `generate` and `catalogue`.
//!
//! Invariant: nothing else writes to the terminal or reads environment variables.

mod args;
mod catalogue;
pub mod check;
mod exit;
mod explain;
mod generate;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::args::{Args, Command};
use crate::cli::exit::Exit;
use crate::cli::output::{diagnostic, print};
use crate::config::{AgentDiscovery, Config, ConfigErrors, Purpose};
use crate::daemon;
use crate::daemon::{StartError, preflight};

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(usage) => {
            // clap returns --help and --version as errors with exit code 0.
            let code = usage.exit_code();
            let _ = usage.print();
            return u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    dispatch(args).into()
}

fn dispatch(args: Args) -> Exit {
    let flags = args.global.flags();
    let load = move |seen: &AgentDiscovery| {
        Config::load_beside(&flags, &|name| std::env::var_os(name), seen)
    };
    let loaded = || load(&AgentDiscovery::default());
    if args.config_check {
        return config_check(&loaded());
    }
    match args.command.unwrap_or(Command::Run) {
        Command::Explain(options) => explain::run(&options),
        Command::Generate(options) => generate::run(&options),
        Command::Catalogue(options) => catalogue::run(&options),
        Command::Check(options) => match loaded() {
            Ok(config) => check::run(&options, config, &load),
            Err(problems) => Exit::invalid(&problems),
        },
        Command::Run => match loaded() {
            Ok(config) => match daemon::run(config, load) {
                Ok(()) => Exit::Success,
                Err(StartError::Configuration(problems)) => Exit::invalid(&problems),
                Err(why) => Exit::usage(&why.to_string()),
            },
            Err(problems) => Exit::invalid(&problems),
        },
    }
}

fn config_check(loaded: &Result<Config, ConfigErrors>) -> Exit {
    match loaded {
        Ok(config) => {
            let every = [Purpose::Kubeconfig, Purpose::ServiceAccount, Purpose::Names];
            let problems = daemon::runtime().block_on(preflight::problems(config, &every));
            if !problems.is_empty() {
                return Exit::invalid(&problems);
            }
            for problem in &config.environment_problems.0 {
                diagnostic("warning", &problem.to_string());
            }
            print("configuration is valid\n");
            Exit::Success
        }
        Err(problems) => Exit::invalid(problems),
    }
}
