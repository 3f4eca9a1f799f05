//! Command-line flags, unvalidated.

use std::path::PathBuf;

/// Command-line flags, unvalidated.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Flags {
    /// `--config.file`.
    pub config_file: Option<PathBuf>,
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// The user's own kubeconfig, if it exists: used outside a cluster if nothing names another.
    pub default_kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--web.listen-address`, repeatable.
    pub web_listen_address: Vec<String>,
    /// `--web.config.file`.
    pub web_config_file: Option<PathBuf>,
    /// `--web.external-url`.
    pub web_external_url: Option<String>,
    /// `--web.route-prefix`.
    pub web_route_prefix: Option<String>,
    /// `--web.open-route`, repeatable.
    pub web_open_route: Vec<String>,
    /// `--web.enable-lifecycle`.
    pub web_enable_lifecycle: Option<bool>,
    /// `--log.level`.
    pub log_level: Option<String>,
    /// `--log.format`.
    pub log_format: Option<String>,
    /// `--scope`.
    pub scope: Option<String>,
    /// `--vantage`.
    pub vantage: Option<String>,
    /// `--agent.namespace`.
    pub agent_namespace: Option<String>,
    /// `--agent.deployment`.
    pub agent_deployment: Option<String>,
    /// `--agent.service-account`.
    pub agent_service_account: Option<String>,
    /// `--agent.no-token-requests`.
    pub agent_token_requests: Option<bool>,
    /// `--agent.sidecar-expected`.
    pub agent_sidecar_expected: Option<bool>,
    /// `--events.enabled`.
    pub events_enabled: Option<bool>,
    /// `--runbook.base-url`.
    pub runbook_base_url: Option<String>,
}
