//! The flags and commands, as clap reads them.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};

use crate::catalogue;
use crate::config::Flags;

const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (revision ",
    env!("BUILD_REVISION"),
    ", rustc ",
    env!("BUILD_RUSTVERSION"),
    ")"
);

/// Probes everything that the CAST AI agent depends on, and says which part is broken and what mends it.
///
/// Exit codes: 0 nothing failing, 1 something failing, 2 wrong usage or configuration.
#[derive(Debug, Parser)]
#[command(name = "castai-health-exporter", version = VERSION)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) shared: Shared,
    /// Examine the configuration, report every problem, and exit.
    #[arg(long = "config.check")]
    pub(super) config_check: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Examine again and again and serve /metrics (the default).
    Run,
    /// Examine once and say what is wrong.
    Check(Check),
    /// Say what a failure mode or an alert means, or name the failure mode of each line of standard input.
    Explain(Explain),
    /// Write the files that are derived from the catalogue.
    Generate(Generate),
    /// Print the checks, failure modes, alerts and metrics.
    Catalogue(Catalogue),
}

/// Flags that every command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Shared {
    /// Configuration file (YAML).
    #[arg(long = "config.file", value_name = "FILE", global = true)]
    config_file: Option<PathBuf>,
    /// Kubeconfig that says where the API server is; default: the pod's service account, then KUBECONFIG.
    #[arg(long, value_name = "FILE", global = true)]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; default: its current one.
    #[arg(long, value_name = "NAME", global = true)]
    context: Option<String>,
    /// Address to listen on; may be repeated [default: :9878].
    #[arg(long = "web.listen-address", value_name = "ADDRESS", global = true)]
    listen_address: Vec<String>,
    /// File that turns on TLS or basic authentication (exporter-toolkit's schema).
    #[arg(long = "web.config.file", value_name = "FILE", global = true)]
    web_config_file: Option<PathBuf>,
    /// Address under which people reach this exporter.
    #[arg(long = "web.external-url", value_name = "URL", global = true)]
    external_url: Option<String>,
    /// Prefix of all routes [default: the path of --web.external-url].
    #[arg(long = "web.route-prefix", value_name = "PATH", global = true)]
    route_prefix: Option<String>,
    /// Allow POST /-/reload.
    #[arg(long = "web.enable-lifecycle", global = true)]
    enable_lifecycle: bool,
    /// Least severe level that is logged: error, warn, info, debug, trace [default: info].
    #[arg(long = "log.level", value_name = "LEVEL", global = true)]
    log_level: Option<String>,
    /// How lines of the log look: logfmt, json [default: logfmt].
    #[arg(long = "log.format", value_name = "FORMAT", global = true)]
    log_format: Option<String>,
    /// Which checks run: all, pod, cluster [default: all].
    #[arg(long, value_name = "SCOPE", global = true)]
    scope: Option<String>,
    /// Where this process stands: sidecar, companion [default: sidecar when it has the agent's environment]; who is told
    /// to be a companion reads the agent's environment from its pod or Deployment through the API.
    #[arg(long, value_name = "VANTAGE", global = true)]
    vantage: Option<String>,
    /// Namespace of the agent [default: that of the mounted service account, else castai-agent].
    #[arg(long = "agent.namespace", value_name = "NAME", global = true)]
    agent_namespace: Option<String>,
    /// Deployment of the agent [default: castai-agent].
    #[arg(long = "agent.deployment", value_name = "NAME", global = true)]
    agent_deployment: Option<String>,
    /// Service account of the agent, while none of its pods says which [default: castai-agent].
    #[arg(long = "agent.service-account", value_name = "NAME", global = true)]
    agent_service_account: Option<String>,
    /// Each pod of the agent should hold this exporter as well; those that do not are counted as missing it.
    #[arg(long = "agent.sidecar-expected", global = true)]
    sidecar_expected: bool,
    /// Where the runbooks are published.
    #[arg(long = "runbook.base-url", value_name = "URL", global = true)]
    runbook_base_url: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Checks to run, with those that may block them [default: all].
    #[arg(value_name = "CHECK", value_parser = check_parser())]
    pub(super) checks: Vec<catalogue::CheckId>,
    /// How the result is written.
    #[arg(long, short, value_enum, default_value_t)]
    pub(super) output: Output,
    /// Repeat until nothing fails, or until this much time has passed (5m, 90s).
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) wait: Option<Duration>,
    /// Count warnings and unknowns as failures.
    #[arg(long)]
    pub(super) strict: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum Output {
    /// One line per check, with hints.
    #[default]
    Text,
    /// The document of /api/v1/status.
    Json,
    /// A test report for CI systems.
    Junit,
}

#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// A failure mode, an alert, a text such as the console's or a log's, or `-` to read lines from standard input.
    #[arg(value_name = "MODE|ALERT|TEXT|-")]
    pub(super) what: String,
    /// How the answer is written.
    #[arg(long, short, value_enum, default_value_t)]
    pub(super) output: Plain,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum Plain {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, clap::Args)]
pub(super) struct Generate {
    /// Folder of the repository.
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// Write nothing; list what differs and exit with 1 if something does.
    #[arg(long)]
    pub(super) check: bool,
    /// Where the alerts' links to runbooks lead; default: the paths in the repository.
    #[arg(long, value_name = "URL")]
    pub(super) runbook_base_url: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Catalogue {
    /// Write it as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Shared {
    /// What was typed, for the configuration to judge.
    pub(super) fn flags(self) -> Flags {
        Flags {
            config_file: self.config_file,
            kubeconfig: self.kubeconfig,
            context: self.context,
            web_listen_address: self.listen_address,
            web_config_file: self.web_config_file,
            web_external_url: self.external_url,
            web_route_prefix: self.route_prefix,
            web_enable_lifecycle: self.enable_lifecycle.then_some(true),
            log_level: self.log_level,
            log_format: self.log_format,
            scope: self.scope,
            vantage: self.vantage,
            agent_namespace: self.agent_namespace,
            agent_deployment: self.agent_deployment,
            agent_sidecar_expected: self.sidecar_expected.then_some(true),
            agent_service_account: self.agent_service_account,
            runbook_base_url: self.runbook_base_url,
        }
    }
}

fn check_parser() -> impl TypedValueParser<Value = catalogue::CheckId> {
    let labels = catalogue::CheckId::ALL.iter().map(|check| check.label());
    PossibleValuesParser::new(labels).map(|label| {
        catalogue::CheckId::from_label(&label).expect("only labels of checks are possible")
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text
        .parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|span| Duration::try_from(span).ok());
    parsed.ok_or_else(|| "write it as 30s, 5m or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_duration_is_written_as_people_write_it() {
        assert_eq!(duration("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert!(duration("-5m").is_err() && duration("5").is_err() && duration("soon").is_err());
    }
}
