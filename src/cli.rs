//! The command line: `run`, `check`, `explain`, `generate`, `catalogue`.
//!
//! Invariant: the only place that prints and that reads the environment.

mod args;
mod catalogue;
mod check;
mod explain;
mod generate;
pub mod junit;
mod output;
pub mod text;

use std::process::ExitCode;

use clap::Parser;

use crate::checks::preflight;
use crate::cli::args::{Args, Command};
use crate::cli::output::{complain, print};
use crate::config::{AgentSeen, Config, Problems, Purpose};
use crate::daemon;
use crate::daemon::CannotRun;

/// How the program ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Exit {
    /// Nothing is failing.
    Fine,
    /// Something is failing.
    Failing,
    /// Wrong usage or configuration.
    Usage,
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(usage) => {
            // Help and version are "errors" of clap that go to standard output and end with 0.
            let code = usage.exit_code();
            let _ = usage.print();
            return u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    ExitCode::from(match dispatch(args) {
        Exit::Fine => 0,
        Exit::Failing => 1,
        Exit::Usage => 2,
    })
}

fn dispatch(args: Args) -> Exit {
    let flags = args.shared.flags();
    let load =
        move |seen: &AgentSeen| Config::load_beside(&flags, &|name| std::env::var_os(name), seen);
    let loaded = || load(&AgentSeen::default());
    if args.config_check {
        return config_check(&loaded());
    }
    match args.command.unwrap_or(Command::Run) {
        Command::Explain(options) => explain::run(&options),
        Command::Generate(options) => generate::run(&options),
        Command::Catalogue(options) => catalogue::run(&options),
        Command::Check(options) => match loaded() {
            Ok(config) => check::run(&options, config, &load),
            Err(problems) => refuse(&problems),
        },
        Command::Run => match loaded() {
            Ok(config) => match daemon::run(config, load) {
                Ok(()) => Exit::Fine,
                Err(CannotRun::Configuration(problems)) => refuse(&problems),
                Err(why) => usage(&why.to_string()),
            },
            Err(problems) => refuse(&problems),
        },
    }
}

fn config_check(loaded: &Result<Config, Problems>) -> Exit {
    match loaded {
        Ok(config) => {
            let every = [Purpose::Kubeconfig, Purpose::ServiceAccount, Purpose::Names];
            let problems = daemon::runtime().block_on(preflight::problems(config, &every));
            if !problems.is_empty() {
                return refuse(&problems);
            }
            for problem in &config.environment_problems.0 {
                complain("warning", &problem.to_string());
            }
            print("the configuration is valid\n");
            Exit::Fine
        }
        Err(problems) => refuse(problems),
    }
}

fn refuse(problems: &Problems) -> Exit {
    for problem in &problems.0 {
        complain("error", &problem.to_string());
    }
    Exit::Usage
}

fn usage(what: &str) -> Exit {
    complain("error", what);
    Exit::Usage
}
