//! The cluster's ID at CAST AI, from the agent's environment or the `ConfigMap` it writes on
//! registration.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::Agent;
use crate::kube::{Client, ClientError, ObjectRequest};

/// The reason why the cluster ID is unknown.
#[derive(Debug, thiserror::Error)]
pub enum ClusterIdError {
    /// The `ConfigMap` could not be read.
    #[error("STATIC_CLUSTER_ID is not set, and {0}")]
    Unreadable(ClientError),
    /// The `ConfigMap` does not exist.
    #[error(
        "STATIC_CLUSTER_ID is not set, and ConfigMap {0}, which the agent creates on \
         registration, does not exist"
    )]
    NoConfigMap(String),
    /// The `ConfigMap` has no `CLUSTER_ID`.
    #[error(
        "STATIC_CLUSTER_ID is not set, and ConfigMap {0}, which the agent populates on registration, \
         has no CLUSTER_ID"
    )]
    NoClusterId(String),
}

/// The cluster ID that was last read. It does not change, and CAST AI's view counts most while the
/// API server is away.
#[derive(Debug, Default)]
pub struct ClusterIdMemory(Mutex<Option<String>>);

impl ClusterIdMemory {
    /// Returns the cluster ID as [`find`] does, or the last known one if the `ConfigMap` cannot be
    /// read. While the API server is down, a known ID is not read again.
    ///
    /// # Errors
    /// When neither source has an ID.
    pub async fn find(
        &self,
        configured: Option<&str>,
        agent: &Agent,
        kube_client: &Client,
        is_apiserver_down: bool,
    ) -> Result<String, ClusterIdError> {
        let known = self.known().clone();
        if is_apiserver_down && let Some(id) = known {
            return Ok(id);
        }
        match find(configured, agent, kube_client).await {
            Ok(id) => {
                self.known().replace(id.clone());
                Ok(id)
            }
            Err(error @ ClusterIdError::Unreadable(_)) => known.ok_or(error),
            Err(error) => Err(error),
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the configured cluster ID, or reads it from the agent's `ConfigMap`.
///
/// # Errors
/// When neither source has an ID.
pub async fn find(
    configured: Option<&str>,
    agent: &Agent,
    kube_client: &Client,
) -> Result<String, ClusterIdError> {
    if let Some(id) = configured {
        return Ok(id.to_owned());
    }
    let map = &agent.metadata;
    let request = ObjectRequest {
        permission: format!("get configmaps/{} in namespace {}", map.name, map.namespace),
        path: format!(
            "/api/v1/namespaces/{}/configmaps/{}",
            map.namespace, map.name
        ),
    };
    let found = kube_client
        .get_object(&request)
        .await
        .map_err(ClusterIdError::Unreadable)?;
    let Some(response) = found else {
        return Err(ClusterIdError::NoConfigMap(map.shown()));
    };
    let json = response.json().unwrap_or_default();
    let id = json["data"]["CLUSTER_ID"]
        .as_str()
        .map(str::trim)
        .filter(|id| !id.is_empty());
    id.map(str::to_owned)
        .ok_or_else(|| ClusterIdError::NoClusterId(map.shown()))
}
