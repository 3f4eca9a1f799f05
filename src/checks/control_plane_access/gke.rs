//! On GKE: as whom Google's metadata server says that this pod is.

use crate::checks::control_plane_access::{ControlPlaneAccess, Remedy, Seen};
use crate::cloud::gke::GkeCluster;
use crate::cloud::{MetadataServer, gce};
use crate::report::Trail;

impl ControlPlaneAccess {
    pub(super) async fn on_gke(&self) -> Result<Seen, String> {
        let endpoint = self.clouds.gce.as_ref().map_err(Clone::clone)?;
        let trail = Trail::default();
        let mut server = self.metadata(endpoint, &trail);
        let cluster = GkeCluster {
            project: self
                .told_or(&mut server, "GKE_PROJECT_ID", gce::PROJECT)
                .await?,
            location: self
                .told_or(&mut server, "GKE_LOCATION", gce::LOCATION)
                .await?,
            name: self
                .told_or(&mut server, "GKE_CLUSTER_NAME", gce::CLUSTER)
                .await?,
        };
        if !cluster.is_plain() {
            return Err(
                "project, location or name of the cluster are none that Google gives".to_owned(),
            );
        }
        let token = gce::token(&mut server).await;
        let token =
            token.map_err(|finding| format!("no token for Google: {}", finding.evidence))?;
        let plane = cluster
            .control_plane(&self.api(&self.settings.google_api)?, &token)
            .await?;
        Ok(Seen {
            cluster: cluster.name.clone(),
            plane,
            remedy: Remedy::gke(&cluster),
        })
    }

    /// What a variable tells, or else Google's metadata server.
    async fn told_or(
        &self,
        server: &mut MetadataServer<'_>,
        name: &str,
        path: &str,
    ) -> Result<String, String> {
        if let Some(value) = self.told.value(name) {
            return Ok(value.to_owned());
        }
        gce::value(server, path)
            .await
            .map_err(|finding| finding.evidence.to_string())
    }
}
