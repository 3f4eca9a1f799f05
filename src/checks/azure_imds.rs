//! Checks that Azure's instance metadata service returns the cluster values missing from the
//! agent's environment.
//!
//! Sends the agent's request with its two-second timeout and its proxy rules.

use crate::catalogue::{FailureMode as M, Timeouts};
use crate::checks::{Attempt, Check, CheckContext};
use crate::cloud::MetadataServer;
use crate::cloud::azure_imds::AzureInstance;
use crate::cloud::metadata_server::proxy_note;
use crate::config::agent::link_local::LinkLocalEndpoint;
use crate::config::{CheckSettings, Config, Provider, ProviderVariables};
use crate::net::{Target, agent_timeouts};
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, PhaseTimer, Report, Verdict};

/// The check `azure_imds`.
#[derive(Debug)]
pub struct AzureImds {
    variables: ProviderVariables,
    endpoint: LinkLocalEndpoint,
    timeouts: Timeouts,
    context: CheckContext,
}

impl AzureImds {
    /// Creates the check.
    pub fn new(config: &Config, settings: &CheckSettings, context: &CheckContext) -> Self {
        let (variables, endpoint) = (
            config.provider_variables.clone(),
            config.clouds.azure.clone(),
        );
        Self {
            variables,
            endpoint,
            timeouts: settings.timeouts,
            context: context.clone(),
        }
    }

    /// Returns why the agent sends no request, if it does not.
    fn not_applicable_reason(&self) -> Option<String> {
        let ProviderVariables {
            provider,
            set,
            missing,
            ..
        } = &self.variables;
        let set = set.join(", ");
        if *provider != Some(Provider::Aks) {
            return Some(Provider::elsewhere(*provider, "Azure", "AKS_*"));
        }
        match (set.is_empty(), missing.is_empty()) {
            (true, _) => None,
            (false, true) => Some(format!(
                "the agent does not use Azure's metadata service: {set} are set"
            )),
            (false, false) => Some(format!(
                "{set} is set but {} is not: the agent exits before it sends any request (see \
                 cluster_metadata)",
                missing.join(", ")
            )),
        }
    }

    async fn read_values(
        &self,
        server: &mut MetadataServer<'_>,
        timer: &PhaseTimer,
    ) -> Result<String, Finding> {
        let instance = AzureInstance::fetch(server).await?;
        agent_timeouts::check(&self.timeouts, timer, M::AzureImdsUnreachable)?;
        let missing = instance.missing();
        let AzureInstance {
            location,
            node_resource_group,
            subscription,
        } = instance;
        let facts = [
            ("location", location),
            ("node resource group", node_resource_group),
            ("subscription", subscription),
        ];
        let facts = facts
            .map(|(name, value)| format!("{name} {}", quote(value.as_bytes())))
            .join(", ");
        if missing.is_empty() {
            return Ok(facts);
        }
        let text = format!(
            "Azure's metadata service returned {facts}, but the agent also needs {}",
            missing.join(", ")
        );
        Err(Finding::new(M::AzureImdsUnreachable, text))
    }
}

impl Check for AzureImds {
    async fn run(&self, attempt: &Attempt) -> Report {
        if let Some(why) = self.not_applicable_reason() {
            return Report::from_verdict(Verdict::NotApplicable(Evidence::from(why)));
        }
        let LinkLocalEndpoint { host, port, prefix } = &self.endpoint;
        let proxy = match self.context.network.proxy_for(false, host, *port) {
            Ok(proxy) => proxy,
            Err(verdict) => return Report::from_verdict(verdict),
        };
        let bypass_note = proxy_note(proxy.as_ref(), host);
        let target = Target {
            host: host.clone(),
            port: *port,
            trust: None,
            server_name: None,
            proxy,
            timeouts: self.timeouts,
        };
        let name = target.authority();
        let timer = attempt.start_target(&name, true);
        let mut server =
            MetadataServer::new(target, prefix, &self.context.network.resolver, &timer);
        let with_note = |text: String| match &bypass_note {
            Some(bypass_note) => Evidence::from(format!("{text}; {bypass_note}")),
            None => Evidence::from(text),
        };
        let outcome = match self.read_values(&mut server, &timer).await {
            Ok(facts) => Ok(with_note(format!("{name} returned {facts}"))),
            Err(finding) => {
                let text = format!(
                    "{}; the agent reads it because no AKS_* variable is set",
                    finding.evidence
                );
                Err(Finding::new(finding.mode, with_note(text)))
            }
        };
        let verdict = match outcome.clone() {
            Ok(evidence) => Verdict::Ok(evidence),
            Err(finding) => Verdict::failing(finding),
        };
        let targets = vec![attempt.finish_target(&name, outcome)];
        Report {
            targets,
            ..Report::from_verdict(verdict)
        }
    }
}
