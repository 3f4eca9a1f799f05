//! The command that lets CAST AI in and locks nobody out: clouds replace the whole list, so it names the whole list.

use std::net::IpAddr;

use crate::cloud::Networks;
use crate::cloud::eks::EksCluster;
use crate::cloud::gke::GkeCluster;
use crate::config::control_plane::AksCluster;

/// A longer command would be cut on its way to people, and a list that is cut locks somebody out.
const MAX_LIST: usize = 900;

/// How a cluster's list of networks is read and replaced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Remedy {
    /// What stands before the list.
    replace: String,
    /// The command that shows the list.
    show: String,
}

impl Remedy {
    /// For a cluster of EKS.
    pub(super) fn eks(cluster: &EksCluster) -> Self {
        let EksCluster { region, name } = cluster;
        let of = format!("--region {region} --name {name}");
        Self {
            replace: format!(
                "aws eks update-cluster-config {of} --resources-vpc-config publicAccessCidrs="
            ),
            show: format!(
                "aws eks describe-cluster {of} --query cluster.resourcesVpcConfig.publicAccessCidrs --output text"
            ),
        }
    }

    /// For a cluster of GKE.
    pub(super) fn gke(cluster: &GkeCluster) -> Self {
        let GkeCluster {
            project,
            location,
            name,
        } = cluster;
        let of = format!("{name} --location {location} --project {project}");
        Self {
            replace: format!(
                "gcloud container clusters update {of} --enable-master-authorized-networks --master-authorized-networks "
            ),
            show: format!(
                "gcloud container clusters describe {of} --format \
                 \"flattened(masterAuthorizedNetworksConfig.cidrBlocks[])\""
            ),
        }
    }

    /// For a cluster of AKS.
    pub(super) fn aks(cluster: &AksCluster) -> Self {
        let of = cluster.options();
        Self {
            replace: format!("az aks update {of} --api-server-authorized-ip-ranges "),
            show: format!(
                "az aks show {of} --query apiServerAccessProfile.authorizedIpRanges -o tsv"
            ),
        }
    }

    /// What to do, with the list as it is and the addresses that are missing in it.
    pub(super) fn mend(&self, networks: Option<&Networks>, missing: &[IpAddr]) -> String {
        let Self { replace, show } = self;
        let merged = networks
            .and_then(|networks| networks.merged(missing))
            .filter(|list| list.len() <= MAX_LIST);
        if let Some(list) = merged {
            return format!(
                "The command replaces the list; with those who are let in now it is: `{replace}{list}`. Then enable \
                 optimisation again"
            );
        }
        let alone = Networks::default().merged(missing).unwrap_or_default();
        let replace = replace.trim_end();
        format!(
            "The list is too long to repeat here, or holds what could not be read, and `{replace} …` replaces it: take \
             the whole of it from `{show}` and add {alone}. Then enable optimisation again"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_would_be_cut_or_is_not_whole_is_not_printed() {
        let remedy = Remedy::aks(&AksCluster {
            subscription: "0000".to_owned(),
            group: "group".to_owned(),
            name: "lab".to_owned(),
        });
        let missing = ["35.221.40.21".parse().expect("an address")];
        let mend = |list: &[String]| {
            remedy.mend(
                Some(&Networks::read(list.iter().map(String::as_str))),
                &missing,
            )
        };
        let few = ["203.0.113.0/24".to_owned()];
        assert!(
            mend(&few)
                .contains("--api-server-authorized-ip-ranges 203.0.113.0/24,35.221.40.21/32`")
        );
        let many: Vec<_> = (0..150)
            .map(|last| format!("198.51.100.{last}/32"))
            .collect();
        for list in [
            many,
            vec!["203.0.113.0/24".to_owned(), "$(reboot)".to_owned()],
        ] {
            let said = mend(&list);
            assert!(
                said.contains("az aks show") && said.contains("add 35.221.40.21/32"),
                "{said}"
            );
            assert!(
                !said.contains("198.51.100") && !said.contains("reboot"),
                "{said}"
            );
        }
    }
}
