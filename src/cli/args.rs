//! Commands and flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};

use crate::catalogue;
use crate::config::sourced_value::InvalidValue;
use crate::config::{Flags, values};

const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (revision ",
    env!("BUILD_REVISION"),
    ", rustc ",
    env!("BUILD_RUSTVERSION"),
    ")"
);

/// Monitors everything the CAST AI agent depends on and reports what is broken and how to fix it.
///
/// Exit codes: 0 nothing failing, 1 something failing, 2 wrong usage or invalid configuration.
#[derive(Debug, Parser)]
#[command(name = "castai-health-exporter", version = VERSION)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) global: GlobalFlags,
    /// Validate the configuration, report every problem and exit.
    #[arg(long = "config.check")]
    pub(super) config_check: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run all checks continuously and serve /metrics (the default).
    Run,
    /// Run checks once and report failures with their fixes.
    Check(CheckArgs),
    /// Explain a failure mode, an alert or an error message, or name the cause in text read from standard input.
    Explain(ExplainArgs),
    /// Write alert rules, runbooks and dashboards.
    Generate(GenerateArgs),
    /// List all checks, failure modes, alerts and metrics.
    Catalogue(CatalogueArgs),
}

/// Flags of every command.
#[derive(Debug, clap::Args)]
pub(super) struct GlobalFlags {
    /// Configuration file (YAML).
    #[arg(long = "config.file", value_name = "FILE", global = true)]
    config_file: Option<PathBuf>,
    /// Kubeconfig for the API server [default: the pod's service account, then KUBECONFIG].
    #[arg(long, value_name = "FILE", global = true)]
    kubeconfig: Option<PathBuf>,
    /// Kubeconfig context [default: the current context].
    #[arg(long, value_name = "NAME", global = true)]
    context: Option<String>,
    /// Address to listen on; may be repeated [default: :9878].
    #[arg(long = "web.listen-address", value_name = "ADDRESS", global = true)]
    listen_address: Vec<String>,
    /// File that enables TLS or authentication (exporter-toolkit schema).
    #[arg(long = "web.config.file", value_name = "FILE", global = true)]
    web_config_file: Option<PathBuf>,
    /// URL under which the exporter is externally reachable.
    #[arg(long = "web.external-url", value_name = "URL", global = true)]
    external_url: Option<String>,
    /// Prefix of all HTTP routes [default: the path of --web.external-url].
    #[arg(long = "web.route-prefix", value_name = "PATH", global = true)]
    route_prefix: Option<String>,
    /// Enable reloads through POST /-/reload.
    #[arg(long = "web.enable-lifecycle", global = true)]
    enable_lifecycle: bool,
    /// Minimum severity to log: error, warn, info, debug, trace [default: info].
    #[arg(long = "log.level", value_name = "LEVEL", global = true)]
    log_level: Option<String>,
    /// Log format: logfmt, json [default: logfmt].
    #[arg(long = "log.format", value_name = "FORMAT", global = true)]
    log_format: Option<String>,
    /// Scope of the checks to run: all, pod, cluster [default: all].
    #[arg(long, value_name = "SCOPE", global = true)]
    scope: Option<String>,
    /// Vantage: sidecar, companion [default: sidecar if the agent's environment variables are set]
    ///
    /// A companion reads the agent's environment from its pod or Deployment through the API server.
    #[arg(long, value_name = "VANTAGE", global = true)]
    vantage: Option<String>,
    /// Namespace of the agent [default: that of the mounted service account, else castai-agent].
    #[arg(long = "agent.namespace", value_name = "NAME", global = true)]
    agent_namespace: Option<String>,
    /// Name of the agent's Deployment [default: castai-agent].
    #[arg(long = "agent.deployment", value_name = "NAME", global = true)]
    agent_deployment: Option<String>,
    /// Agent's service account, used until a running pod reports one [default: castai-agent].
    #[arg(long = "agent.service-account", value_name = "NAME", global = true)]
    agent_service_account: Option<String>,
    /// Expect this exporter in every agent pod and count the pods that lack it.
    #[arg(long = "agent.sidecar-expected", global = true)]
    sidecar_expected: bool,
    /// Base URL of the published runbooks.
    #[arg(long = "runbook.base-url", value_name = "URL", global = true)]
    runbook_base_url: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// Checks to run; checks that can block them run as well [default: all].
    #[arg(value_name = "CHECK", value_parser = check_parser())]
    pub(super) checks: Vec<catalogue::CheckId>,
    /// Output format.
    #[arg(long, short, value_enum, default_value_t)]
    pub(super) output: CheckFormat,
    /// Repeat until nothing fails or this much time has passed (5m, 90s).
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) wait: Option<Duration>,
    /// Treat warnings and unknown results as failures.
    #[arg(long)]
    pub(super) strict: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum CheckFormat {
    /// One line per check, with fixes.
    #[default]
    Text,
    /// The document served at /api/v1/status.
    Json,
    /// A `JUnit` report for CI systems.
    Junit,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// Failure mode, alert or error message, or `-` to read lines from standard input.
    #[arg(value_name = "MODE|ALERT|TEXT|-")]
    pub(super) subject: String,
    /// Output format.
    #[arg(long, short, value_enum, default_value_t)]
    pub(super) output: ExplainFormat,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum ExplainFormat {
    /// Plain text.
    #[default]
    Text,
    /// JSON.
    Json,
}

#[derive(Debug, clap::Args)]
pub(super) struct GenerateArgs {
    /// Directory to write to.
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// Write nothing; list outdated files and exit with 1 if there are any.
    #[arg(long)]
    pub(super) check: bool,
    /// Base URL of the runbook links in alerts and dashboards; without one there are no links.
    #[arg(long, value_name = "URL", value_parser = base_url)]
    pub(super) runbook_base_url: Option<String>,
}

/// Accepts an absolute URL: a relative link leads nowhere in a notification.
fn base_url(text: &str) -> Result<String, String> {
    match values::link(text) {
        Ok(_) => Ok(text.trim_end_matches('/').to_owned()),
        Err(InvalidValue { what, right }) => Err(format!("{what}: {right}")),
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct CatalogueArgs {
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl GlobalFlags {
    /// Returns the flags as the configuration reads them.
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
        catalogue::CheckId::from_label(&label).expect("clap accepts labels of checks only")
    })
}

fn duration(text: &str) -> Result<Duration, String> {
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
    fn clap_accepts_the_command_definition() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn duration_accepts_5m_and_1m30s() {
        assert_eq!(duration("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert!(duration("-5m").is_err() && duration("5").is_err() && duration("soon").is_err());
    }
}
