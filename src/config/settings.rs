//! The validated configuration.

use crate::catalogue::{CheckId, Scope};
use crate::config::agent::aws::settings::Aws;
use crate::config::agent::castai::Castai;
use crate::config::agent::cloud_metadata::CloudMetadata;
use crate::config::agent::discovered::{AgentDiscovery, AgentLocation};
use crate::config::agent::environment_source::AgentEnvironment;
use crate::config::agent::installation::Installation;
use crate::config::agent::objects::Agent;
use crate::config::agent::provider::variables::ProviderVariables;
use crate::config::agent::proxy::ProxyRules;
use crate::config::apiserver::ApiserverLocation;
use crate::config::config_error::ConfigErrors;
use crate::config::exporter::check::CheckSettings;
use crate::config::exporter::control_plane_access::ControlPlaneAccessSettings;
use crate::config::exporter::dns::DnsSettings;
use crate::config::exporter::log::LogSettings;
use crate::config::exporter::named_file::NamedFile;
use crate::config::exporter::server::WebSettings;
use crate::config::vantage::Vantage;

/// Everything the exporter needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where this process runs relative to the agent.
    pub vantage: Vantage,
    /// The checks to run; `None` means all of them.
    pub scope: Option<Scope>,
    /// Where the agent's environment was read from.
    pub agent_environment: AgentEnvironment,
    /// Where to discover the agent through the API server.
    pub agent_location: Option<AgentLocation>,
    /// Result of discovery.
    pub agent_discovery: AgentDiscovery,
    /// Settings of the HTTP server.
    pub web: WebSettings,
    /// Settings of the log.
    pub log: LogSettings,
    /// Base URL of the published runbooks, without a trailing slash.
    pub runbook_base: String,
    /// Access to the API server.
    pub apiserver: ApiserverLocation,
    /// CAST AI's API and the agent's credentials for it.
    pub castai: Castai,
    /// The cluster metadata in the agent's environment.
    pub provider_variables: ProviderVariables,
    /// The agent's installation.
    pub installation: Installation,
    /// The agent's use of AWS and its AWS settings.
    pub aws: Aws,
    /// The agent's ports, and the Kubernetes objects it owns.
    pub agent: Agent,
    /// Addresses of the metadata servers of Google Cloud and Azure.
    pub clouds: CloudMetadata,
    /// Settings of the control-plane firewall check.
    pub control_plane: ControlPlaneAccessSettings,
    /// Settings of name resolution.
    pub dns: DnsSettings,
    /// Whether changes of root causes become Kubernetes Events on the agent's Deployment.
    pub kube_events: bool,
    /// Proxy selection by Go's rules.
    pub proxy: ProxyRules,
    /// Settings of every check, in catalogue order.
    pub checks: Vec<CheckSettings>,
    /// Files named by flags or the configuration file that checks read.
    pub named_files: Vec<NamedFile>,
    /// Invalid values in the agent's environment: a fault of the agent, no reason not to start.
    pub environment_problems: ConfigErrors,
}

impl Config {
    /// Returns the settings of a check.
    pub fn check(&self, check: CheckId) -> &CheckSettings {
        self.checks
            .iter()
            .find(|settings| settings.check == check)
            .expect("every check of the catalogue has settings")
    }

    /// Returns whether nothing is configured that could be checked: it does not run in a pod, and
    /// neither a kubeconfig nor the agent's environment is known.
    pub fn has_nothing_to_check(&self) -> bool {
        matches!(self.apiserver, ApiserverLocation::Absent)
            && self.agent_environment == AgentEnvironment::None
            && self.castai.url.is_none()
    }

    /// Returns whether this process runs outside the agent's pod and may not request tokens of the
    /// agent's service account.
    pub fn rules_out_token_requests(&self) -> bool {
        self.agent_location
            .as_ref()
            .is_some_and(|location| !location.token_requests)
    }
}
