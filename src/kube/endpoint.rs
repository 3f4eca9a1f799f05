//! The API server as this process reaches it: address, trust, proxy and credentials.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::InCluster;
use crate::config::agent::proxy::Proxy;
use crate::kube::credentials::{Credentials, read_file, read_token};
use crate::net::Trust;
use crate::net::tls::trust::PkiScope;

/// The API server as this process reaches it.
#[derive(Clone, Debug)]
pub struct ApiEndpoint {
    /// A host name or IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The trusted certificates; `None` for plain HTTP, which a kubeconfig may request.
    pub trust: Option<Arc<Trust>>,
    /// The name that the certificate must contain, if it is not the host.
    pub server_name: Option<String>,
    /// The path of a kubeconfig's server, which precedes every request path.
    pub path_prefix: String,
    /// The proxy from the kubeconfig or the environment.
    pub proxy: Option<Proxy>,
    /// The credentials of this process.
    pub credentials: Credentials,
    /// An oddity that does not prevent requests.
    pub remark: Option<String>,
}

/// An error while loading the credentials for the API server.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuthError {
    /// The service-account token is missing or invalid, which affects the agent too.
    #[error("{0}")]
    TokenMissing(String),
    /// This process cannot read the service-account token.
    #[error("{0}")]
    TokenUnreadable(String),
    /// Neither the mounted CA bundle nor the system's roots can be used.
    #[error("{0}")]
    NoTrustedRoots(String),
    /// The kubeconfig or its exec plugin cannot be used.
    #[error("failed to use kubeconfig {}: {cause}", path.display())]
    Kubeconfig {
        /// The kubeconfig.
        path: PathBuf,
        /// The cause, without values that may be secret.
        cause: String,
    },
}

impl ApiEndpoint {
    /// Returns the endpoint of a pod. Token and CA bundle are read on each call because they
    /// rotate.
    ///
    /// # Errors
    /// If the token cannot be read, or if no CA certificates can be loaded.
    pub fn in_cluster(pod: &InCluster) -> Result<Self, AuthError> {
        let token_file = pod.service_account_dir.join("token");
        let token = read_token(&token_file).map_err(|error| token_error(&token_file, &error))?;
        let credentials = Credentials::authorization(&format!("Bearer {token}"))
            .expect("read_token accepts only tokens that fit into a header");
        let (trust, remark) = cluster_trust(&pod.service_account_dir.join("ca.crt"))?;
        Ok(Self {
            host: pod.host.clone(),
            port: pod.port,
            trust: Some(Arc::new(trust)),
            server_name: None,
            path_prefix: String::new(),
            proxy: None,
            credentials,
            remark,
        })
    }

    /// Returns a request path with the server's path before it.
    pub fn request_path(&self, path: &str) -> String {
        format!("{}{path}", self.path_prefix)
    }
}

/// A missing token affects the agent too; missing read permission affects only this process.
fn token_error(path: &Path, error: &io::Error) -> AuthError {
    let text = format!(
        "failed to read service-account token {}: {error}",
        path.display()
    );
    if matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::InvalidData
    ) {
        AuthError::TokenMissing(text)
    } else {
        AuthError::TokenUnreadable(text)
    }
}

/// Loads the mounted CA bundle, or the system's roots if it is unusable, as the agent does.
fn cluster_trust(path: &Path) -> Result<(Trust, Option<String>), AuthError> {
    let mounted = read_file(path).map_err(|error| error.to_string());
    let trust = mounted
        .and_then(|pem| Trust::pem(&pem, PkiScope::Cluster).map_err(|error| error.to_string()));
    match trust {
        Ok(trust) => Ok((trust, None)),
        Err(error) => {
            let remark = format!(
                "failed to load {}: {error}; using the system's root certificates",
                path.display()
            );
            let system = Trust::system(PkiScope::Cluster)
                .map_err(|error| AuthError::NoTrustedRoots(format!("{remark}: {error}")))?;
            Ok((system, Some(remark)))
        }
    }
}
