//! Does Azure's instance metadata service give the agent what it is not told of its cluster?
//!
//! The same request as the agent's, with its limit of two seconds, and on the way that its environment chooses.

use crate::catalogue::{FailureMode as M, Limits};
use crate::checks::{Attempt, Check, CheckContext};
use crate::cloud::MetadataServer;
use crate::cloud::azure_imds::Instance;
use crate::cloud::server::detour;
use crate::config::node_local::Endpoint;
use crate::config::{CheckSettings, Config, Provider, Told};
use crate::net::{Route, deadlines};
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, Report, Trail, Verdict};

/// The check `azure_imds`.
#[derive(Debug)]
pub struct AzureImds {
    told: Told,
    endpoint: Endpoint,
    limits: Limits,
    world: CheckContext,
}

impl AzureImds {
    /// The check for what the agent is told.
    pub fn new(config: &Config, settings: &CheckSettings, world: &CheckContext) -> Self {
        let (told, endpoint) = (config.told.clone(), config.clouds.azure.clone());
        Self {
            told,
            endpoint,
            limits: settings.limits,
            world: world.clone(),
        }
    }

    /// Why nothing is asked.
    fn unasked(&self) -> Option<String> {
        let Told {
            provider,
            set,
            missing,
            ..
        } = &self.told;
        let set = set.join(", ");
        if *provider != Some(Provider::Aks) {
            return Some(Provider::elsewhere(*provider, "Azure", "AKS_*"));
        }
        match (set.is_empty(), missing.is_empty()) {
            (true, _) => None,
            (false, true) => Some(format!(
                "{set} are set, so that the agent does not ask Azure's metadata service"
            )),
            (false, false) => Some(format!(
                "there is {set}, but not {}: the agent ends before it asks anybody (cluster_metadata)",
                missing.join(", ")
            )),
        }
    }

    async fn walk(
        &self,
        server: &mut MetadataServer<'_>,
        trail: &Trail,
    ) -> Result<String, Finding> {
        let instance = Instance::fetch(server).await?;
        deadlines::in_time(&self.limits, trail, M::AzureImdsUnreachable)?;
        let missing = instance.missing();
        let Instance {
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
        let what = format!(
            "it gives {facts}, and the agent asks for {}",
            missing.join(", ")
        );
        Err(Finding::new(M::AzureImdsUnreachable, what))
    }
}

impl Check for AzureImds {
    async fn run(&self, attempt: &Attempt) -> Report {
        if let Some(why) = self.unasked() {
            return Report::bare(Verdict::NotApplicable(Evidence::from(why)));
        }
        let Endpoint { host, port, prefix } = &self.endpoint;
        let proxy = match self.world.proxy_for(false, host, *port) {
            Ok(proxy) => proxy,
            Err(verdict) => return Report::bare(verdict),
        };
        let detour = detour(proxy.as_ref(), host);
        let route = Route {
            host: host.clone(),
            port: *port,
            trust: None,
            server_name: None,
            proxy,
            limits: self.limits,
        };
        let name = route.target();
        let trail = attempt.trail(&name, true);
        let mut server = MetadataServer::new(route, prefix, &self.world.resolver, &trail);
        let sentence = |words: String| match &detour {
            Some(detour) => Evidence::from(format!("{words}; {detour}")),
            None => Evidence::from(words),
        };
        let outcome = match self.walk(&mut server, &trail).await {
            Ok(facts) => Ok(sentence(format!("{name} gives {facts}"))),
            Err(finding) => {
                let what = format!("{}; it is asked because no AKS_* is set", finding.evidence);
                Err(Finding::new(finding.mode, sentence(what)))
            }
        };
        let verdict = match outcome.clone() {
            Ok(evidence) => Verdict::Ok(evidence),
            Err(finding) => Verdict::failing(finding),
        };
        let targets = vec![attempt.arrived(&name, outcome)];
        Report {
            targets,
            ..Report::bare(verdict)
        }
    }
}
