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
    /// Requests tokens of the agent's service account if this process runs outside the agent's pod.
    pub agent: Option<Arc<ServiceAccountTokens>>,
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
        let agent = config.agent_location.as_ref().map(account);
        let requester = TokenRequester::new(Arc::clone(&store.client), agent.clone());
        Self {
            aws: Arc::new(AwsSession::new(config, &network, requester)),
            network,
            store,
            agent,
        }
    }
}
