//! Arguments of `check`.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Command, FromArgMatches, ValueEnum};

use crate::catalogue::CheckId;
use crate::cli::args::configuration::ConfigurationFlags;
use crate::cli::args::preflight::PreflightFlags;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CheckArgs {
    /// Checks to run; checks that can block them run as well [default: all].
    #[arg(value_name = "CHECK", value_parser = check_parser())]
    pub(in crate::cli) checks: Vec<CheckId>,
    /// Output format.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub(in crate::cli) output: CheckFormat,
    /// Print no report and no progress; the exit code is the result.
    #[arg(long, short, conflicts_with = "output")]
    pub(in crate::cli) quiet: bool,
    /// Repeat until nothing fails or this much time has passed (5m, 90s).
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(in crate::cli) wait: Option<Duration>,
    /// Treat warnings and unknown results as failures.
    #[arg(long)]
    pub(in crate::cli) strict: bool,
    /// Outside the cluster: also run the checks in a short-lived pod like the agent's.
    ///
    /// The pod has the agent's environment, files and service account. It is removed afterwards,
    /// also after Ctrl-C.
    #[arg(long)]
    pub(in crate::cli) in_cluster: bool,
    /// Image of that pod [default: that of an exporter in the cluster].
    #[arg(long, value_name = "IMAGE", requires = "in_cluster")]
    pub(in crate::cli) image: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) preflight: PreflightFlags,
    #[command(flatten)]
    pub(in crate::cli) configuration: ConfigurationFlags,
}

impl CheckArgs {
    /// Returns the arguments of a check that prints nothing.
    pub(in crate::cli) fn quiet(configuration: ConfigurationFlags) -> Self {
        let command = Self::augment_args(Command::new("check"));
        let defaults = Self::from_arg_matches(&command.get_matches_from(["check", "--quiet"]));
        Self {
            configuration,
            ..defaults.expect("no argument is required")
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(in crate::cli) enum CheckFormat {
    /// Root causes with their fixes, then one line per check.
    #[default]
    Text,
    /// One line per failing check.
    Short,
    /// The document served at /api/v1/status.
    Json,
    #[value(help = "A JUnit report for CI systems")]
    Junit,
}

fn check_parser() -> impl TypedValueParser<Value = CheckId> {
    let labels = CheckId::ALL.iter().map(|check| check.label());
    PossibleValuesParser::new(labels)
        .map(|label| CheckId::from_label(&label).expect("clap accepts labels of checks only"))
}

pub(in crate::cli) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text
        .parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|span| Duration::try_from(span).ok());
    parsed.ok_or_else(|| "expected a duration such as 30s, 5m or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_accepts_5m_and_1m30s() {
        assert_eq!(duration("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert!(duration("-5m").is_err() && duration("5").is_err() && duration("soon").is_err());
    }
}
