//! The way to the API for everything that is read there beside the probes: where, as whom, through which proxy.

use std::path::PathBuf;
use std::sync::Arc;

use crate::catalogue::Limits;
use crate::config::proxy::Obstacle;
use crate::config::{Apiserver as Place, Config, ProxyRules};
use crate::kube::token_request::{NoToken, Token};
use crate::kube::{Access, AgentAccount, Denied, Plugin};
use crate::net::{Answer, Connection, Opened, Resolver, Route};
use crate::report::{Evidence, Trail, Verdict};

/// How the API is reached; every visit reads the token anew.
#[derive(Clone, Debug)]
pub struct Door {
    place: Place,
    resolver: Arc<Resolver>,
    proxies: ProxyRules,
    plugin: Arc<Plugin>,
    limits: Limits,
}

/// An open connection to the API, and who we are there.
#[derive(Debug)]
pub struct Visit {
    connection: Connection,
    access: Access,
    resolver: Arc<Resolver>,
}

impl Door {
    /// The door of a configuration.
    pub fn new(config: &Config, resolver: &Arc<Resolver>, plugin: &Arc<Plugin>) -> Self {
        let (place, resolver, proxies) = (
            config.apiserver.clone(),
            Arc::clone(resolver),
            config.proxy.clone(),
        );
        Self {
            place,
            resolver,
            proxies,
            plugin: Arc::clone(plugin),
            limits: Limits::APISERVER,
        }
    }

    /// The same, for those who wait no longer than these limits.
    #[must_use]
    pub fn within(&self, limits: Limits) -> Self {
        Self {
            limits,
            ..self.clone()
        }
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// The verdict of every check that would have to read there: unknown, or not applicable where there is no API.
    pub async fn enter(&self) -> Result<Visit, Verdict> {
        let access = self.access().await?;
        let (trust, proxy) = (access.trust.clone(), access.proxy.clone());
        let (host, port, server_name) =
            (access.host.clone(), access.port, access.server_name.clone());
        let route = Route {
            host,
            port,
            trust,
            server_name,
            proxy,
            limits: self.limits,
        };
        let connection = route.open(&self.resolver, &Trail::default()).await;
        let connection = connection.map_err(|finding| {
            Verdict::Unknown(Evidence::from(format!(
                "the API server cannot be read: {}",
                finding.evidence
            )))
        })?;
        Ok(Visit {
            connection,
            access,
            resolver: Arc::clone(&self.resolver),
        })
    }

    /// Has a plugin asked anew, because its credential was refused.
    pub fn forget_credential(&self) {
        self.plugin.forget();
    }

    async fn access(&self) -> Result<Access, Verdict> {
        let unknown = |why: String| Verdict::Unknown(Evidence::from(why));
        let access = match &self.place {
            Place::InCluster(place) => Access::in_cluster(place),
            Place::Kubeconfig { path, context } => {
                let path: &PathBuf = path;
                Access::kubeconfig(path, context.as_deref(), &self.plugin).await
            }
            Place::Invalid(problem) => {
                return Err(unknown(format!("the API server cannot be read: {problem}")));
            }
            Place::Absent => {
                return Err(Verdict::NotApplicable(Evidence::from(
                    "no API server is known here: this is no pod (KUBERNETES_SERVICE_HOST), and no kubeconfig was given",
                )));
            }
        };
        let mut access = access.map_err(|denied| match denied {
            Denied::Broken(finding) => Verdict::Unknown(finding.evidence),
            Denied::Unknown(why) => Verdict::Unknown(why),
        })?;
        if access.proxy.is_none() {
            access.proxy =
                match self
                    .proxies
                    .proxy_for(access.trust.is_some(), &access.host, access.port)
                {
                    None => None,
                    Some(Ok(proxy)) => Some(proxy.clone()),
                    Some(Err(Obstacle::Broken(problem) | Obstacle::NotProbed(problem))) => {
                        return Err(unknown(format!("the API server cannot be read: {problem}")));
                    }
                };
        }
        Ok(access)
    }
}

impl Visit {
    /// One request and its bounded answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn get(&mut self, path: &str) -> Result<Answer, Verdict> {
        let (path, headers) = (
            format!("{}{path}", self.access.prefix),
            self.access.headers.clone(),
        );
        let answer = self
            .connection
            .get(&self.resolver, &path, headers, &Trail::default())
            .await;
        answer.map_err(|finding| Verdict::Unknown(finding.evidence))
    }

    /// A token of another account.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn token(
        &mut self,
        account: &AgentAccount,
        audience: Option<&str>,
    ) -> Result<Token, NoToken> {
        account
            .token(&mut self.connection, &self.resolver, &self.access, audience)
            .await
    }

    /// One request whose answer is read while it arrives.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn stream(&mut self, path: &str) -> Result<Opened, Verdict> {
        let (path, headers) = (
            format!("{}{path}", self.access.prefix),
            self.access.headers.clone(),
        );
        let opened = self.connection.stream(&self.resolver, &path, headers).await;
        opened.map_err(|finding| Verdict::Unknown(finding.evidence))
    }
}
