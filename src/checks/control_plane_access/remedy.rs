//! The command that adds CAST AI's addresses to the authorized networks.
//!
//! Clouds replace the whole list, so the command repeats the existing entries.

use std::net::IpAddr;

use crate::cloud::AuthorizedNetworks;
use crate::cloud::eks::EksCluster;
use crate::cloud::gke::GkeCluster;
use crate::config::exporter::control_plane_access::AksCluster;

/// Longer lists are not printed: evidence is truncated, and a truncated list would lock users out.
const MAX_LIST_BYTES: usize = 900;

/// The commands that show and replace a cluster's authorized networks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Remedy {
    /// The command that replaces the list, up to the list.
    replace: String,
    /// The command that shows the list.
    show: String,
}

impl Remedy {
    /// Returns the commands for EKS.
    pub(super) fn eks(cluster: &EksCluster) -> Self {
        let EksCluster { region, name } = cluster;
        let cluster_options = format!("--region {region} --name {name}");
        Self {
            replace: format!(
                "aws eks update-cluster-config {cluster_options} --resources-vpc-config \
                 publicAccessCidrs="
            ),
            show: format!(
                "aws eks describe-cluster {cluster_options} --query \
                 cluster.resourcesVpcConfig.publicAccessCidrs --output text"
            ),
        }
    }

    /// Returns the commands for GKE.
    pub(super) fn gke(cluster: &GkeCluster) -> Self {
        let GkeCluster {
            project,
            location,
            name,
        } = cluster;
        let cluster_options = format!("{name} --location {location} --project {project}");
        Self {
            replace: format!(
                "gcloud container clusters update {cluster_options} \
                 --enable-master-authorized-networks --master-authorized-networks "
            ),
            show: format!(
                "gcloud container clusters describe {cluster_options} --format \
                 \"flattened(masterAuthorizedNetworksConfig.cidrBlocks[])\""
            ),
        }
    }

    /// Returns the commands for AKS.
    pub(super) fn aks(cluster: &AksCluster) -> Self {
        let cluster_options = cluster.options();
        Self {
            replace: format!("az aks update {cluster_options} --api-server-authorized-ip-ranges "),
            show: format!(
                "az aks show {cluster_options} --query apiServerAccessProfile.authorizedIpRanges \
                 -o tsv"
            ),
        }
    }

    /// Returns the steps that add the missing addresses to the current list.
    pub(super) fn instructions(
        &self,
        networks: Option<&AuthorizedNetworks>,
        missing: &[IpAddr],
    ) -> String {
        let Self { replace, show } = self;
        let merged = networks
            .and_then(|networks| networks.merged_with(missing))
            .filter(|list| list.len() <= MAX_LIST_BYTES);
        if let Some(list) = merged {
            return format!(
                "Replace the list of allowed networks; this keeps its current entries:\n\
                 $ {replace}{list}\n\
                 Then enable optimisation again."
            );
        }
        let missing_list = AuthorizedNetworks::default()
            .merged_with(missing)
            .unwrap_or_default();
        format!(
            "Add {missing_list} to the whole list, which is too long to print here or contains an \
             unreadable entry:\n\
             $ {show}\n\
             Set the complete list as LIST, then enable optimisation again:\n\
             $ {replace}LIST"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_or_unreadable_network_list_is_not_printed() {
        let remedy = Remedy::aks(&AksCluster {
            subscription: "0000".to_owned(),
            group: "group".to_owned(),
            name: "lab".to_owned(),
        });
        let missing = ["35.221.40.21".parse().expect("an address")];
        let instructions = |list: &[String]| {
            remedy.instructions(
                Some(&AuthorizedNetworks::parse(list.iter().map(String::as_str))),
                &missing,
            )
        };
        let few = ["203.0.113.0/24".to_owned()];
        assert!(
            instructions(&few)
                .contains("--api-server-authorized-ip-ranges 203.0.113.0/24,35.221.40.21/32\n")
        );
        let many: Vec<_> = (0..150)
            .map(|last| format!("198.51.100.{last}/32"))
            .collect();
        for list in [
            many,
            vec!["203.0.113.0/24".to_owned(), "$(reboot)".to_owned()],
        ] {
            let text = instructions(&list);
            assert!(
                text.contains("az aks show") && text.contains("Add 35.221.40.21/32"),
                "{text}"
            );
            assert!(
                !text.contains("198.51.100") && !text.contains("reboot"),
                "{text}"
            );
        }
    }
}
