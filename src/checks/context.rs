//! The clients and network settings that all checks share.

use std::sync::Arc;

use crate::aws::projected_token::TokenRequester;
use crate::aws::session::AwsSession;
use crate::config::{AgentLocation, Config};
use crate::kube::{Client, ServiceAccountTokens, Store};
use crate::net::NetworkContext;

/// Shared network settings, AWS session, Kubernetes store and service account.
#[derive(Clone, Debug)]
pub struct CheckContext {
    /// The pod's resolver, proxies and root certificates.
    pub network: NetworkContext,
    /// The session that the AWS checks share.
    pub aws: Arc<AwsSession>,
    /// The watched Kubernetes objects.
    pub store: Arc<Store>,
    /// The way in which checks authenticate as the agent.
    pub agent: AgentIdentity,
}

/// The way in which checks authenticate to the API server as the agent.
#[derive(Clone, Debug)]
pub enum AgentIdentity {
    /// With the credentials of this process, which are the agent's.
    Own,
    /// With tokens that the API server issues for the agent's service account.
    Requested(Arc<ServiceAccountTokens>),
    /// Not at all, because the configuration rules out requests for tokens.
    NotRequested,
}

impl CheckContext {
    /// Creates the context for a configuration.
    pub fn new(config: &Config) -> Self {
        let network = NetworkContext::new(config);
        let store = Arc::new(Store::new(
            Client::new(config, &network.resolver),
            &config.installation.namespace,
        ));
        let account = |location: &AgentLocation| {
            let discovered = config
                .agent_discovery
                .found()
                .map(|elsewhere| elsewhere.service_account.as_str());
            Arc::new(ServiceAccountTokens::new(
                &location.namespace,
                discovered.unwrap_or(&location.service_account),
            ))
        };
        let agent = match &config.agent_location {
            None => AgentIdentity::Own,
            Some(location) if location.token_requests => {
                AgentIdentity::Requested(account(location))
            }
            Some(_) => AgentIdentity::NotRequested,
        };
        let requester = TokenRequester::new(Arc::clone(&store.client), agent.tokens().cloned());
        Self {
            aws: Arc::new(AwsSession::new(config, &network, requester)),
            network,
            store,
            agent,
        }
    }
}

impl AgentIdentity {
    /// Returns what requests tokens, if anything does.
    pub fn tokens(&self) -> Option<&Arc<ServiceAccountTokens>> {
        match self {
            Self::Requested(tokens) => Some(tokens),
            Self::Own | Self::NotRequested => None,
        }
    }
}
