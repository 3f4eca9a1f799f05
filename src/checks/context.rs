//! What all checks share to go anywhere.

use std::sync::{Arc, OnceLock};

use crate::aws::session::AwsSession;
use crate::catalogue::FailureMode;
use crate::config::elsewhere::MountedToken;
use crate::config::proxy::{Obstacle, Proxy};
use crate::config::{AgentPlace, Config, ProxyRules, Secret};
use crate::kube::token_request::NoToken;
use crate::kube::{AgentAccount, Door, Plugin, Store};
use crate::net::tls::Place;
use crate::net::{Resolver, Trust};
use crate::report::{Evidence, Finding, Verdict};

/// The pod's resolver, its proxies, whom it trusts, AWS, what is watched in its cluster, and the account to act as.
#[derive(Clone, Debug)]
pub struct CheckContext {
    /// Resolves names anew each time.
    pub resolver: Arc<Resolver>,
    /// What the checks that ask AWS share.
    pub aws: Arc<AwsSession>,
    /// Hands out the credential of a kubeconfig that has a program for it.
    pub plugin: Arc<Plugin>,
    /// What is watched in the cluster.
    pub store: Arc<Store>,
    proxies: Arc<ProxyRules>,
    /// The agent's account, where this process is not in the agent's pod and acts as the agent by short-lived tokens.
    pub agent: Option<Arc<AgentAccount>>,
    system: Arc<OnceLock<Result<Arc<Trust>, String>>>,
}

impl CheckContext {
    /// The world of a configuration.
    pub fn new(config: &Config) -> Self {
        let resolver = Arc::new(Resolver::new(&config.dns));
        let plugin = Arc::new(Plugin::default());
        let store = Arc::new(Store::new(
            Door::new(config, &resolver, &plugin),
            &config.installation.namespace,
        ));
        let account = |place: &AgentPlace| {
            let seen = config
                .agent_seen
                .found()
                .map(|elsewhere| elsewhere.service_account.as_str());
            Arc::new(AgentAccount::new(
                &place.namespace,
                seen.unwrap_or(&place.service_account),
            ))
        };
        Self {
            resolver,
            plugin,
            store,
            aws: Arc::new(AwsSession::new(config)),
            agent: config.agent_place.as_ref().map(account),
            proxies: Arc::new(config.proxy.clone()),
            system: Arc::default(),
        }
    }

    /// A token like the one that lies in the agent's pod, asked for by this process's own account.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn agents_token(&self, like: &MountedToken) -> Result<Secret, Evidence> {
        let account = self
            .agent
            .as_ref()
            .ok_or_else(|| Evidence::from("the agent's account is not known"))?;
        let mut visit = self
            .store
            .door
            .enter()
            .await
            .map_err(|verdict| verdict.evidence())?;
        let given = visit.token(account, like.audience.as_deref()).await;
        given
            .map(|token| token.value().clone())
            .map_err(|missing| match missing {
                NoToken::Absent(why) | NoToken::Unknown(why) => why,
                NoToken::Way(finding) => finding.evidence,
            })
    }

    /// Trusts the system's roots, which are read once.
    ///
    /// # Errors
    /// When there are none.
    pub fn system_trust(&self) -> Result<Arc<Trust>, String> {
        let read = || {
            Trust::system(Place::Public)
                .map(Arc::new)
                .map_err(|error| error.to_string())
        };
        self.system.get_or_init(read).clone()
    }

    /// The proxy on the way to a target, if there is one.
    ///
    /// # Errors
    /// The verdict on a target whose proxy cannot be asked.
    pub fn proxy_for(&self, https: bool, host: &str, port: u16) -> Result<Option<Proxy>, Verdict> {
        match self.proxies.proxy_for(https, host, port) {
            None => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy.clone())),
            Some(Err(Obstacle::Broken(problem))) => Err(Verdict::failing(Finding::new(
                FailureMode::AgentConfigInvalid,
                problem.to_string(),
            ))),
            Some(Err(Obstacle::NotProbed(problem))) => {
                Err(Verdict::Unknown(Evidence::from(problem.to_string())))
            }
        }
    }

    /// What to say of an address on the node that is asked straight, when the agent's own requests would take another way.
    pub fn detour(&self, host: &str, port: u16) -> Option<String> {
        let straight = matches!(self.proxy_for(false, host, port), Ok(None));
        (!straight).then(|| {
            format!("the agent's HTTP_PROXY holds for {host} as well, and was not used here: put {host} into NO_PROXY")
        })
    }

    /// The name that the agent's resolver is asked for on the way: behind a proxy that is the proxy's.
    pub fn asked_for(&self, https: bool, host: &str, port: u16) -> Option<String> {
        let proxy = self.proxy_for(https, host, port).ok()?;
        Some(proxy.map_or_else(|| host.to_owned(), |proxy| proxy.host))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::config::Flags;

    fn detour(variables: &[(&str, &str)], host: &str) -> Option<String> {
        let value = |name: &str| {
            variables
                .iter()
                .find(|(of, _)| *of == name)
                .map(|(_, value)| OsString::from(value))
        };
        let config = Config::load(&Flags::default(), &value).expect("an environment fails nothing");
        CheckContext::new(&config).detour(host, 80)
    }

    #[test]
    fn a_proxy_that_the_agent_would_take_is_told_and_not_taken() {
        let proxy = ("HTTP_PROXY", "http://proxy:3128");
        for host in ["169.254.169.254", "169.254.170.23"] {
            assert!(
                detour(&[proxy], host)
                    .expect("it holds")
                    .contains(&format!("put {host} into NO_PROXY"))
            );
            assert_eq!(
                detour(&[proxy, ("NO_PROXY", &format!("{host},.svc"))], host),
                None
            );
            assert_eq!(detour(&[("HTTPS_PROXY", "http://proxy:3128")], host), None);
        }
    }
}
