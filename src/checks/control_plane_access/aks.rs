//! On AKS: as the workload identity of this pod, or else as its node's managed identity.

use crate::checks::control_plane_access::{ControlPlaneAccess, Remedy, Seen};
use crate::cloud::azure_imds::Instance;
use crate::cloud::{MetadataServer, azure_token};
use crate::config::control_plane::AksCluster;
use crate::report::{AksSeen, Trail};

impl ControlPlaneAccess {
    /// What was seen, and the cluster as soon as it is known, for those who mend what others see.
    pub(super) async fn on_aks(&self) -> (Option<AksSeen>, Result<Seen, String>) {
        let trail = Trail::default();
        let mut server = self.metadata(&self.clouds.azure, &trail);
        let cluster = match &self.settings.azure_cluster {
            Some(cluster) => Ok(cluster.clone()),
            None => self.aks_cluster(&mut server).await,
        };
        let cluster = match cluster {
            Ok(cluster) => cluster,
            Err(why) => return (None, Err(why)),
        };
        let mut aks = AksSeen {
            options: cluster.options(),
            puller: None,
        };
        let seen = self.look_at_aks(&cluster, &mut server, &mut aks).await;
        (Some(aks), seen)
    }

    async fn look_at_aks(
        &self,
        cluster: &AksCluster,
        server: &mut MetadataServer<'_>,
        aks: &mut AksSeen,
    ) -> Result<Seen, String> {
        let resource = &self.settings.azure_api;
        let token = match &self.settings.azure_federation {
            Some(federation) => {
                azure_token::exchanged(&self.api(&self.settings.azure_login)?, federation, resource)
                    .await
            }
            None => {
                azure_token::of_node(server, self.settings.azure_client.as_deref(), resource).await
            }
        };
        let token = token.map_err(|why| format!("no token for Azure: {why}"))?;
        let (plane, puller) = cluster.shown(&self.api(resource)?, &token).await?;
        aks.puller = puller;
        Ok(Seen {
            cluster: cluster.name.clone(),
            plane,
            remedy: Remedy::aks(cluster),
        })
    }

    /// The cluster that the agent's nodes belong to.
    async fn aks_cluster(&self, server: &mut MetadataServer<'_>) -> Result<AksCluster, String> {
        let told = (
            self.told.value("AKS_SUBSCRIPTION_ID"),
            self.told.value("AKS_NODE_RESOURCE_GROUP"),
        );
        let (subscription, group) = if let (Some(subscription), Some(group)) = told {
            (subscription.to_owned(), group.to_owned())
        } else {
            let instance = Instance::fetch(server)
                .await
                .map_err(|finding| finding.evidence.to_string())?;
            (instance.subscription, instance.node_resource_group)
        };
        AksCluster::of_nodes(&subscription, &group).ok_or_else(|| {
            "which cluster this is cannot be told from the name of the nodes' resource group: set \
             control_plane.azure_cluster to its id (az aks show -g GROUP -n CLUSTER --query id)"
                .to_owned()
        })
    }
}
