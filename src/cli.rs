//! The command line: parses it and runs one command, each in its own module.
//!
//! Invariant: nothing else writes to the terminal or reads environment variables.

mod args;
mod bundle;
mod catalogue;
pub mod check;
mod completion;
mod exit;
mod explain;
mod generate;
mod man;
mod output;
mod prose;
mod version;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::cli::args::run::RunArgs;
use crate::cli::args::{Args, Command};
use crate::cli::exit::Exit;
use crate::cli::output::{diagnostic, print};
use crate::config::{AgentDiscovery, Config, ConfigErrors, Flags, Purpose};
use crate::daemon;
use crate::daemon::{StartError, startup_checks};

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let command =
        Args::command().bin_name(args::spelling_of(std::env::args_os().next().as_deref()));
    let parsed = command
        .try_get_matches()
        .and_then(|matches| Args::from_arg_matches(&matches));
    let args = match parsed {
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
    match args
        .command
        .unwrap_or_else(|| Command::Run(Box::new(args.run)))
    {
        Command::Run(options) => run(*options),
        Command::Check(options) => {
            let flags = Flags {
                default_kubeconfig: default_kubeconfig(),
                ..options.configuration.clone().flags()
            };
            if options.preflight.enabled {
                return check::preflight::run(&options, &flags);
            }
            let load = loader(flags.clone());
            match load(&AgentDiscovery::default()) {
                Ok(config) if check::doctor::applies(&config) => {
                    check::doctor::run(&options, flags, config)
                }
                Ok(_) if options.in_cluster => check::doctor::is_not_outside(),
                Ok(config) if check::doctor::has_nothing_to_check(&config) => {
                    check::doctor::nothing_to_check()
                }
                Ok(config) => check::run(&options, config, &load),
                Err(problems) => Exit::invalid(&problems),
            }
        }
        Command::Bundle(options) => {
            let flags = Flags {
                default_kubeconfig: default_kubeconfig(),
                ..options.configuration.clone().flags()
            };
            bundle::run(&options, flags.clone(), &loader(flags))
        }
        Command::Explain(options) => explain::run(&options),
        Command::Catalogue(options) => catalogue::run(&options),
        Command::Generate(options) => generate::run(&options),
        Command::Completion(options) => completion::run(&options),
        Command::Man(options) => man::run(&options),
        Command::Version(options) => version::run(&options),
    }
}

/// Returns a function that reads the configuration again, completed with what was discovered of the
/// agent.
fn loader(flags: Flags) -> impl Fn(&AgentDiscovery) -> Result<Config, ConfigErrors> {
    move |seen| Config::load_beside(&flags, &|name| std::env::var_os(name), seen)
}

/// Returns the kubeconfig that kubectl uses without flags and `KUBECONFIG`, if it exists.
fn default_kubeconfig() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(".kube/config")).filter(|path| path.exists())
}

fn run(options: RunArgs) -> Exit {
    let only_check = options.config_check;
    let load = loader(options.flags());
    let loaded = load(&AgentDiscovery::default());
    if only_check {
        return config_check(&loaded);
    }
    match loaded {
        Ok(config) => match daemon::run(config, load) {
            Ok(()) => Exit::Success,
            Err(StartError::Configuration(problems)) => Exit::invalid(&problems),
            Err(why) => Exit::usage(&why.to_string()),
        },
        Err(problems) => Exit::invalid(&problems),
    }
}

fn config_check(loaded: &Result<Config, ConfigErrors>) -> Exit {
    match loaded {
        Ok(config) => {
            let every = [Purpose::Kubeconfig, Purpose::ServiceAccount, Purpose::Names];
            let problems = daemon::runtime().block_on(startup_checks::problems(config, &every));
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
