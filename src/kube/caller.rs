//! The account that a request to the API server is sent as.

use std::fmt;

use crate::config::{ApiserverLocation, Config, Vantage};
use crate::kube::credentials::Credentials;
use crate::kube::self_pod::SelfPod;

/// The account that a request to the API server is sent as. Evidence names it, because a
/// missing permission of the agent is a failure, and one of the exporter is not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    owner: CallerOwner,
    /// The service account as `NAMESPACE/NAME`, if the token names it.
    account: Option<String>,
}

/// The owner of the credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CallerOwner {
    /// The agent: this process uses the service account of the agent's pod, or a token of it.
    Agent,
    /// The exporter, in a separate pod.
    Exporter,
    /// The user of a kubeconfig.
    Kubeconfig,
}

impl Caller {
    /// Returns the caller with its name from the credentials.
    pub fn new(owner: CallerOwner, credentials: &Credentials) -> Self {
        let pod = credentials
            .claims()
            .and_then(|claims| SelfPod::from_claims(&claims));
        Self {
            owner,
            account: pod.map(|pod| format!("{}/{}", pod.namespace, pod.service_account)),
        }
    }

    /// Returns whether the credentials are the agent's own, so that a refusal affects the agent.
    pub fn is_agent(&self) -> bool {
        self.owner == CallerOwner::Agent
    }
}

impl CallerOwner {
    /// Returns the owner of the credentials that this process uses by default.
    pub fn from_config(config: &Config) -> Self {
        match &config.apiserver {
            ApiserverLocation::Kubeconfig { .. } => Self::Kubeconfig,
            _ if config.vantage == Vantage::Sidecar => Self::Agent,
            _ => Self::Exporter,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.owner {
            CallerOwner::Agent => "the agent's service account",
            CallerOwner::Exporter => "the exporter's service account",
            CallerOwner::Kubeconfig => "the kubeconfig's user",
        })?;
        match &self.account {
            Some(account) => write!(f, " {account}"),
            None => Ok(()),
        }
    }
}
