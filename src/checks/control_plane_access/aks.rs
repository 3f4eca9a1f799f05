//! AKS: uses this pod's workload identity, or else the node's managed identity.

use crate::checks::control_plane_access::ControlPlaneAccess;
use crate::checks::control_plane_access::cluster_access::{AccessListError, ClusterAccess};
use crate::checks::control_plane_access::remedy::Remedy;
use crate::cloud::azure_imds::AzureInstance;
use crate::cloud::{MetadataServer, azure_token};
use crate::config::exporter::control_plane_access::AksCluster;
use crate::report::{AksClusterInfo, PhaseTimer};

impl ControlPlaneAccess {
    /// Returns the authorized networks, and the cluster even if reading them fails: `image_pull`
    /// needs it.
    pub(super) async fn on_aks(
        &self,
    ) -> (
        Option<AksClusterInfo>,
        Result<ClusterAccess, AccessListError>,
    ) {
        let timer = PhaseTimer::default();
        let mut server = self.metadata(&self.clouds.azure, &timer);
        let cluster = match &self.settings.azure_cluster {
            Some(cluster) => Ok(cluster.clone()),
            None => self.aks_cluster(&mut server).await,
        };
        let cluster = match cluster {
            Ok(cluster) => cluster,
            Err(why) => return (None, Err(why)),
        };
        let mut aks = AksClusterInfo {
            options: cluster.options(),
            pull_identity: None,
        };
        let access = self.read_aks(&cluster, &mut server, &mut aks).await;
        (Some(aks), access)
    }

    async fn read_aks(
        &self,
        cluster: &AksCluster,
        server: &mut MetadataServer<'_>,
        aks: &mut AksClusterInfo,
    ) -> Result<ClusterAccess, AccessListError> {
        let resource = &self.settings.azure_api;
        let token = match &self.settings.azure_federation {
            Some(federation) => {
                azure_token::from_workload_identity(
                    &self.api(&self.settings.azure_login)?,
                    federation,
                    resource,
                )
                .await
            }
            None => {
                azure_token::from_node_identity(
                    server,
                    self.settings.azure_client.as_deref(),
                    resource,
                )
                .await
            }
        };
        let token = token
            .map_err(|why| AccessListError::new(format!("failed to get an Azure token: {why}")))?;
        let (plane, pull_identity) = cluster
            .describe(&self.api(resource)?, &token)
            .await
            .map_err(AccessListError::new)?;
        aks.pull_identity = pull_identity;
        Ok(ClusterAccess {
            cluster: cluster.name.clone(),
            plane,
            remedy: Remedy::aks(cluster),
        })
    }

    /// Returns the cluster that the agent's nodes belong to.
    async fn aks_cluster(
        &self,
        server: &mut MetadataServer<'_>,
    ) -> Result<AksCluster, AccessListError> {
        let variables = (
            self.variables.value("AKS_SUBSCRIPTION_ID"),
            self.variables.value("AKS_NODE_RESOURCE_GROUP"),
        );
        let (subscription, group) = if let (Some(subscription), Some(group)) = variables {
            (subscription.to_owned(), group.to_owned())
        } else {
            let instance = AzureInstance::fetch(server)
                .await
                .map_err(|finding| AccessListError::new(finding.evidence))?;
            (instance.subscription, instance.node_resource_group)
        };
        AksCluster::of_nodes(&subscription, &group).ok_or_else(|| {
            AccessListError::new(
                "the cluster cannot be derived from the name of the nodes' resource group: set \
             control_plane.azure_cluster to its ID (az aks show -g GROUP -n CLUSTER --query id)",
            )
        })
    }
}
