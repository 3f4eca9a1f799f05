//! Access to the API server.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::config_error::ConfigError;

/// Access to the API server.
#[derive(Clone, Debug)]
pub enum ApiserverLocation {
    /// From a pod's `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT` and mounted service
    /// account.
    InCluster(InCluster),
    /// From a kubeconfig, outside a cluster.
    Kubeconfig {
        /// The files, merged as kubectl does: the first one that sets a value decides.
        files: Vec<PathBuf>,
        /// A context other than the current one.
        context: Option<String>,
    },
    /// A value is invalid, for the agent as well as for the exporter.
    Invalid(ConfigError),
    /// Neither a pod nor a kubeconfig.
    Absent,
}

/// The API server as a pod sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InCluster {
    /// Host of the service: an address, or a name on AKS.
    pub host: String,
    /// Port of the service.
    pub port: u16,
    /// Directory with `token` and `ca.crt`.
    pub service_account_dir: PathBuf,
    /// The DNS name of the service, and its port.
    pub dns_name: (String, u16),
    /// Fixed API-server addresses that replace the `EndpointSlice`s of `default/kubernetes`.
    pub addresses: Option<Vec<SocketAddr>>,
}
