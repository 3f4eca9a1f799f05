//! Flags of every command that reads the configuration and connects to something.

use std::path::{Path, PathBuf};

use crate::config::Flags;

/// Flags of every command that reads the configuration and connects to something.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct ConfigurationFlags {
    /// Configuration file (YAML).
    #[arg(long = "config.file", value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// Base URL of the published runbooks.
    #[arg(long = "runbook.base-url", value_name = "URL")]
    runbook_base_url: Option<String>,
    #[command(flatten)]
    cluster: ClusterFlags,
    #[command(flatten)]
    agent: AgentFlags,
    #[command(flatten)]
    log: LogFlags,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
struct ClusterFlags {
    /// Kubeconfig [default: the pod's service account, KUBECONFIG, or ~/.kube/config for `check`].
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Kubeconfig context [default: the current context].
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Vantage: sidecar, companion [default: sidecar if the agent's environment variables are set]
    ///
    /// A companion reads the agent's environment from its pod or Deployment through the API server.
    #[arg(long, value_name = "VANTAGE")]
    vantage: Option<String>,
    /// Scope of the checks to run: all, pod, cluster [default: all].
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Agent")]
struct AgentFlags {
    /// Namespace of the agent [default: that of the mounted service account, else castai-agent].
    #[arg(
        short = 'n',
        long = "agent.namespace",
        visible_alias = "namespace",
        value_name = "NAME"
    )]
    namespace: Option<String>,
    /// Name of the agent's Deployment [default: castai-agent].
    #[arg(long = "agent.deployment", value_name = "NAME")]
    deployment: Option<String>,
    /// Agent's service account, used until a running pod reports one [default: castai-agent].
    #[arg(long = "agent.service-account", value_name = "NAME")]
    service_account: Option<String>,
    /// Request no tokens of the agent's service account, outside the agent's pod.
    ///
    /// Checks that need the agent's identity are then not applicable.
    #[arg(long = "agent.no-token-requests")]
    no_token_requests: bool,
    /// Expect this exporter in every agent pod and count the pods that lack it.
    #[arg(long = "agent.sidecar-expected")]
    sidecar_expected: bool,
}

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Logging")]
struct LogFlags {
    /// Minimum severity to log: error, warn, info, debug, trace [default: info].
    #[arg(long = "log.level", value_name = "LEVEL")]
    log_level: Option<String>,
    /// Log format: logfmt, json [default: logfmt].
    #[arg(long = "log.format", value_name = "FORMAT")]
    log_format: Option<String>,
}

impl ConfigurationFlags {
    /// Returns the configuration file.
    pub(in crate::cli) fn config_file(&self) -> Option<&Path> {
        self.config_file.as_deref()
    }

    /// Returns the flags as the configuration reads them.
    pub(in crate::cli) fn flags(self) -> Flags {
        let Self {
            cluster,
            agent,
            log,
            ..
        } = self;
        Flags {
            config_file: self.config_file,
            runbook_base_url: self.runbook_base_url,
            kubeconfig: cluster.kubeconfig,
            context: cluster.context,
            vantage: cluster.vantage,
            scope: cluster.scope,
            agent_namespace: agent.namespace,
            agent_deployment: agent.deployment,
            agent_service_account: agent.service_account,
            agent_token_requests: agent.no_token_requests.then_some(false),
            agent_sidecar_expected: agent.sidecar_expected.then_some(true),
            log_level: log.log_level,
            log_format: log.log_format,
            ..Flags::default()
        }
    }
}
