//! The network as the pod sees it: DNS resolver, proxy settings and the system's root certificates.

use std::sync::{Arc, OnceLock};

use crate::catalogue::FailureMode;
use crate::config::agent::proxy::{Proxy, ProxyError};
use crate::config::{Config, ProxyRules};
use crate::net::tls::trust::{PkiScope, TrustError};
use crate::net::{Resolver, Trust};
use crate::report::{Evidence, Finding, Verdict};

/// The pod's DNS resolver, proxy settings and system root certificates.
#[derive(Clone, Debug)]
pub struct NetworkContext {
    /// Resolves names without a cache.
    pub resolver: Arc<Resolver>,
    proxies: Arc<ProxyRules>,
    system_trust: Arc<OnceLock<Result<Arc<Trust>, TrustError>>>,
}

impl NetworkContext {
    /// Returns the network of a configuration.
    pub fn new(config: &Config) -> Self {
        Self {
            resolver: Arc::new(Resolver::new(&config.dns)),
            proxies: Arc::new(config.proxy.clone()),
            system_trust: Arc::default(),
        }
    }

    /// Returns the system's root certificates, which are read once.
    ///
    /// # Errors
    /// If the system has no root certificates.
    pub fn system_trust(&self) -> Result<Arc<Trust>, TrustError> {
        let read = || Trust::system(PkiScope::Public).map(Arc::new);
        self.system_trust.get_or_init(read).clone()
    }

    /// Returns the proxy for a target, or `None` for a direct connection.
    ///
    /// # Errors
    /// A failing or unknown verdict if the proxy setting is invalid or not supported.
    pub fn proxy_for(&self, https: bool, host: &str, port: u16) -> Result<Option<Proxy>, Verdict> {
        match self.proxies.proxy_for(https, host, port) {
            None => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy.clone())),
            Some(Err(ProxyError::Broken(problem))) => Err(Verdict::failing(Finding::new(
                FailureMode::AgentConfigInvalid,
                problem.to_string(),
            ))),
            Some(Err(ProxyError::NotProbed(problem))) => {
                Err(Verdict::Unknown(Evidence::from(problem.to_string())))
            }
        }
    }

    /// Returns a remark on a link-local address that is probed directly although the agent uses a
    /// proxy for it.
    pub fn proxy_bypass_note(&self, host: &str, port: u16) -> Option<String> {
        let direct = matches!(self.proxy_for(false, host, port), Ok(None));
        (!direct).then(|| {
            format!(
                "the agent's HTTP_PROXY applies to {host} as well, but this probe bypassed it: \
                 add {host} to NO_PROXY"
            )
        })
    }

    /// Returns the name that the pod's resolver has to resolve for a target: the proxy's, if there
    /// is one.
    pub fn name_to_resolve(&self, https: bool, host: &str, port: u16) -> Option<String> {
        let proxy = self.proxy_for(https, host, port).ok()?;
        Some(proxy.map_or_else(|| host.to_owned(), |proxy| proxy.host))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::config::Flags;

    fn note(variables: &[(&str, &str)], host: &str) -> Option<String> {
        let value = |name: &str| {
            variables
                .iter()
                .find(|(of, _)| *of == name)
                .map(|(_, value)| OsString::from(value))
        };
        let config = Config::load(&Flags::default(), &value).expect("an environment fails nothing");
        NetworkContext::new(&config).proxy_bypass_note(host, 80)
    }

    #[test]
    fn bypassed_http_proxy_is_noted_unless_no_proxy_covers_the_host() {
        let proxy = ("HTTP_PROXY", "http://proxy:3128");
        for host in ["169.254.169.254", "169.254.170.23"] {
            assert!(
                note(&[proxy], host)
                    .expect("HTTP_PROXY applies")
                    .contains(&format!("add {host} to NO_PROXY"))
            );
            assert_eq!(
                note(&[proxy, ("NO_PROXY", &format!("{host},.svc"))], host),
                None
            );
            assert_eq!(note(&[("HTTPS_PROXY", "http://proxy:3128")], host), None);
        }
    }
}
