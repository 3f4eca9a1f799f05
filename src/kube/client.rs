//! A client for the API server that every check shares, except for the phased probe of `apiserver`.

use std::sync::Arc;

use crate::catalogue::Timeouts;
use crate::classify::kube_status;
use crate::config::agent::proxy::ProxyError;
use crate::config::{ApiserverLocation, Config, ProxyRules};
use crate::kube::caller::CallerOwner;
use crate::kube::connection::ApiConnection;
use crate::kube::endpoint::ApiEndpoint;
use crate::kube::error::ClientError;
use crate::kube::exec_plugin::ExecPlugin;
use crate::net::{Resolver, Response, Target};
use crate::report::PhaseTimer;

/// A client for the API server. Each connection reads the token or kubeconfig again.
#[derive(Clone, Debug)]
pub struct Client {
    location: ApiserverLocation,
    resolver: Arc<Resolver>,
    proxies: ProxyRules,
    exec_plugin: Arc<ExecPlugin>,
    owner: CallerOwner,
    timeouts: Timeouts,
}

/// One object to read: the permission as RBAC names it, and the URL path.
#[derive(Clone, Debug)]
pub struct ObjectRequest {
    /// The permission, such as `get configmaps/castai-agent-metadata in the namespace
    /// castai-agent`.
    pub permission: String,
    /// The path with its query.
    pub path: String,
}

impl Client {
    /// Returns a client for the API server of a configuration.
    pub fn new(config: &Config, resolver: &Arc<Resolver>) -> Self {
        Self {
            location: config.apiserver.clone(),
            resolver: Arc::clone(resolver),
            proxies: config.proxy.clone(),
            exec_plugin: Arc::default(),
            owner: CallerOwner::from_config(config),
            timeouts: Timeouts::APISERVER,
        }
    }

    /// Returns the same client with other timeouts.
    #[must_use]
    pub fn with_timeouts(&self, timeouts: Timeouts) -> Self {
        Self {
            timeouts,
            ..self.clone()
        }
    }

    /// Determines address, proxy and credentials from the service account or the kubeconfig.
    ///
    /// # Errors
    /// If no API server is configured, or if its address, proxy or credentials are unusable.
    pub async fn endpoint(&self) -> Result<ApiEndpoint, ClientError> {
        let mut endpoint = match &self.location {
            ApiserverLocation::InCluster(pod) => ApiEndpoint::in_cluster(pod)?,
            ApiserverLocation::Kubeconfig { files, context } => {
                ApiEndpoint::from_kubeconfig(files, context.as_deref(), &self.exec_plugin).await?
            }
            ApiserverLocation::Invalid(problem) => {
                return Err(ClientError::InvalidAddress(problem.clone()));
            }
            ApiserverLocation::Absent => return Err(ClientError::NotConfigured),
        };
        // A proxy-url in the kubeconfig takes precedence over the environment, as in client-go.
        if endpoint.proxy.is_none() {
            let https = endpoint.trust.is_some();
            endpoint.proxy = match self.proxies.proxy_for(https, &endpoint.host, endpoint.port) {
                None => None,
                Some(Ok(proxy)) => Some(proxy.clone()),
                Some(Err(ProxyError::Broken(problem))) => {
                    return Err(ClientError::InvalidProxy(problem.clone()));
                }
                Some(Err(ProxyError::NotProbed(problem))) => {
                    return Err(ClientError::UnsupportedProxy(problem.clone()));
                }
            };
        }
        Ok(endpoint)
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// If the endpoint cannot be determined or reached.
    pub async fn connect(&self) -> Result<ApiConnection, ClientError> {
        let endpoint = self.endpoint().await?;
        let target = Target {
            host: endpoint.host.clone(),
            port: endpoint.port,
            trust: endpoint.trust.clone(),
            server_name: endpoint.server_name.clone(),
            proxy: endpoint.proxy.clone(),
            timeouts: self.timeouts,
        };
        let connection = target
            .open(&self.resolver, &PhaseTimer::default())
            .await
            .map_err(ClientError::Connect)?;
        Ok(ApiConnection::new(
            connection,
            endpoint,
            self.owner,
            Arc::clone(&self.resolver),
        ))
    }

    /// Reads one object on a new connection; `None` if it does not exist.
    ///
    /// # Errors
    /// If the object cannot be read.
    pub async fn get_object(
        &self,
        request: &ObjectRequest,
    ) -> Result<Option<Response>, ClientError> {
        let mut api = self.connect().await?;
        let response = api.get(&request.path).await?;
        match response.status.as_u16() {
            403 => Err(api.forbidden(request.permission.clone())),
            404 => Ok(None),
            status => match kube_status(status, Some(&response.content_type()), &response.body) {
                None => Ok(Some(response)),
                Some(mode) => Err(ClientError::rejected(
                    &format!("GET {}", request.path),
                    &response,
                    Some(mode),
                )),
            },
        }
    }

    /// Returns the owner of the credentials that this client uses.
    pub fn owner(&self) -> CallerOwner {
        self.owner
    }

    /// Discards the cached credential of the exec plugin after the API server rejected it.
    pub fn discard_credential(&self) {
        self.exec_plugin.discard();
    }
}
