//! GKE: uses the service account that Google's metadata server assigns to this pod.

use crate::checks::control_plane_access::ControlPlaneAccess;
use crate::checks::control_plane_access::cluster_access::{AccessListError, ClusterAccess};
use crate::checks::control_plane_access::remedy::Remedy;
use crate::cloud::gke::GkeCluster;
use crate::cloud::{MetadataServer, gce};
use crate::report::PhaseTimer;

impl ControlPlaneAccess {
    pub(super) async fn on_gke(&self) -> Result<ClusterAccess, AccessListError> {
        let endpoint = self.clouds.gce.as_ref().map_err(AccessListError::new)?;
        let timer = PhaseTimer::default();
        let mut server = self.metadata(endpoint, &timer);
        let cluster = GkeCluster {
            project: self
                .variable_or_metadata(&mut server, "GKE_PROJECT_ID", gce::PROJECT)
                .await?,
            location: self
                .variable_or_metadata(&mut server, "GKE_LOCATION", gce::LOCATION)
                .await?,
            name: self
                .variable_or_metadata(&mut server, "GKE_CLUSTER_NAME", gce::CLUSTER)
                .await?,
        };
        if !cluster.is_plain() {
            return Err(AccessListError::new(
                "the cluster's project, location or name is not valid for Google Cloud",
            ));
        }
        let token = gce::token(&mut server).await;
        let token = token.map_err(|finding| {
            AccessListError::new(format!(
                "failed to get a Google token: \
                                                                  {}",
                finding.evidence
            ))
        })?;
        let plane = cluster
            .control_plane(&self.api(&self.settings.google_api)?, &token)
            .await
            .map_err(AccessListError::new)?;
        Ok(ClusterAccess {
            cluster: cluster.name.clone(),
            plane,
            remedy: Remedy::gke(&cluster),
        })
    }

    /// Returns the value of a variable, or else of the metadata path.
    async fn variable_or_metadata(
        &self,
        server: &mut MetadataServer<'_>,
        name: &str,
        path: &str,
    ) -> Result<String, AccessListError> {
        if let Some(value) = self.variables.value(name) {
            return Ok(value.to_owned());
        }
        gce::value(server, path)
            .await
            .map_err(|finding| AccessListError::new(finding.evidence))
    }
}
