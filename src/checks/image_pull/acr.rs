//! Remedies for failed pulls from Azure Container Registry on AKS, filled in with registry, image
//! and identity.
//!
//! Image names are untrusted input: only names that a shell reads as one word appear in a command.

use std::collections::BTreeSet;

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::registry;
use crate::config::exporter::control_plane_access::is_plain;
use crate::report::{AksClusterInfo, ImagePullIdentity};

/// Failed pulls from Azure Container Registry with the same mode.
#[derive(Debug)]
pub(super) struct AcrFailures<'a> {
    /// The first failed pull.
    first: Option<FailedPull<'a>>,
    /// The hosts of other registries with failed pulls.
    others: BTreeSet<&'a str>,
    /// Whether only new nodes are affected.
    only_new: bool,
}

/// An image that a node cannot pull.
#[derive(Clone, Copy, Debug)]
struct FailedPull<'a> {
    node: &'a str,
    host: &'a str,
    /// The registry's name in `az`.
    registry: &'a str,
    repository: &'a str,
}

impl<'a> AcrFailures<'a> {
    /// Selects the pulls from Azure Container Registry among pairs of node and image.
    pub(super) fn new(images: impl Iterator<Item = (&'a str, &'a str)>, only_new: bool) -> Self {
        let mut pulls = images.filter_map(|(node, image)| FailedPull::read(node, image));
        let first = pulls.next();
        let host = first.map(|pull| pull.host);
        let others = pulls
            .map(|pull| pull.host)
            .filter(|other| Some(*other) != host)
            .collect();
        Self {
            first,
            others,
            only_new,
        }
    }

    /// Returns the remedy, if a pull is from Azure Container Registry and the mode has a specific
    /// one.
    pub(super) fn remedy(&self, mode: FailureMode, aks: Option<&AksClusterInfo>) -> Option<String> {
        let pull = self.first?;
        let FailedPull {
            node,
            host,
            registry,
            repository,
        } = pull;
        let options = aks.map_or("-g GROUP -n CLUSTER", |aks| aks.options.as_str());
        let verification =
            format!("\nTest from a node:\n$ az aks check-acr {options} --acr {host}");
        let text = match mode {
            M::ImageAuthFailed => {
                let identity = aks.and_then(|aks| aks.pull_identity.as_ref());
                format!("{}{verification}", self.grant(pull, options, identity))
            }
            M::ImageForbidden => format!(
                "Allow the nodes' network in the registry, which rejects networks, not \
                 identities, this way:\n\
                 $ az acr show -n {registry} --query \
                 \"{{public:publicNetworkAccess,others:networkRuleSet.defaultAction}}\"\n\
                 $ az acr network-rule list -n {registry}\n\
                 A registry with a private endpoint must be reached through it.{verification}"
            ),
            M::ImageDns => format!(
                "List the registry's private endpoints:\n\
                 $ az acr private-endpoint-connection list -r {registry}\n\
                 If there is one, link the zone privatelink.azurecr.io to the nodes' network:\n\
                 $ az network private-dns link vnet list -g GROUP -z privatelink.azurecr.io\
                 {verification}"
            ),
            M::ImageTimeout => format!(
                "Allow egress from the nodes to all endpoints of the registry:\n\
                 $ az acr show-endpoints -n {registry}\n\
                 If it has a private endpoint, peer the nodes' network with its network and link \
                 it to the zone privatelink.azurecr.io:\n\
                 $ az acr private-endpoint-connection list -r {registry}{verification}"
            ),
            M::ImageNotFound => format!(
                "List the existing tags:\n\
                 $ az acr repository show-tags -n {registry} --repository {repository} --orderby \
                 time_desc --top 20"
            ),
            M::ImagePlatformMismatch => format!(
                "Compare the image's platforms with the node's:\n\
                 $ az acr manifest list-metadata -r {registry} -n {repository} --query \
                 \"[].{{tags:tags,arch:architecture,os:os}}\"\n\
                 $ kubectl get node {node} -L kubernetes.io/arch"
            ),
            _ => return None,
        };
        let others: Vec<_> = self.others.iter().copied().collect();
        let others = if others.is_empty() {
            String::new()
        } else {
            format!("\nDo the same for {}.", others.join(", "))
        };
        Some(format!("{text}{others}"))
    }

    /// Returns the steps that grant the nodes' identity access to the registry.
    fn grant(
        &self,
        pull: FailedPull<'_>,
        options: &str,
        pull_identity: Option<&ImagePullIdentity>,
    ) -> String {
        let FailedPull { node, registry, .. } = pull;
        let grant = |id: &str| {
            format!(
                "$ az role assignment create --role AcrPull --assignee {id} --scope \
                 \"$(az acr show -n {registry} --query id -o tsv)\"\n\
                 Or attach the registry to the cluster:\n\
                 $ az aks update {options} --attach-acr {registry}"
            )
        };
        let mut steps = match pull_identity {
            Some(ImagePullIdentity::ManagedIdentity(id)) => format!(
                "Grant the role AcrPull to the kubelets' managed identity, client id {id}:\n{}",
                grant(id)
            ),
            Some(ImagePullIdentity::ServicePrincipal(id)) => format!(
                "Grant the role AcrPull to the cluster's service principal {id}:\n{}\n\
                 Check its secret's expiry:\n\
                 $ az ad app credential list --id {id}",
                grant(id)
            ),
            None => format!(
                "Find the identity that the nodes pull with: the kubelets' managed identity, or \
                 without one the service principal:\n\
                 $ az aks show {options} --query identityProfile.kubeletidentity.clientId -o tsv\n\
                 $ az aks show {options} --query servicePrincipalProfile.clientId -o tsv\n\
                 Grant it the role AcrPull, with its ID as CLIENT_ID:\n{}",
                grant("CLIENT_ID")
            ),
        };
        if self.only_new {
            let new = format!(
                "\nOnly new nodes are affected: after onboarding to CAST AI they may use another \
                 identity, which needs the same role. Find it:\n\
                 $ kubectl debug node/{node} -it --image=busybox -- grep -E \
                 \"aadClientId|userAssignedIdentityID\" /host/etc/kubernetes/azure.json"
            );
            steps.push_str(&new);
        }
        steps
    }
}

impl<'a> FailedPull<'a> {
    fn read(node: &'a str, image: &'a str) -> Option<Self> {
        let (host, rest) = image.split_once('/').filter(|_| registry(image) == "acr")?;
        // Registries with a domain name label scope have a dash and a hash after the name.
        let label = host.split('.').next().unwrap_or_default();
        let registry = label.split('-').next().unwrap_or_default();
        let repository = rest.split(['@', ':']).next().unwrap_or_default();
        let node = if node.is_empty() { "NODE" } else { node };
        let plain = is_plain(host)
            && is_plain(registry)
            && is_plain(node)
            && repository.split('/').all(is_plain);
        plain.then_some(Self {
            node,
            host,
            registry,
            repository,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "12121212-3434-5656-7878-909090909090";

    fn aks_cluster(pull_identity: Option<ImagePullIdentity>) -> AksClusterInfo {
        AksClusterInfo {
            options: "--subscription 0 --resource-group group --name lab".to_owned(),
            pull_identity,
        }
    }

    fn remedy(mode: FailureMode, only_new: bool, aks: Option<&AksClusterInfo>) -> String {
        let images = [
            ("node-1", "shop.azurecr.io/team/web:1"),
            ("node-1", "toys-a1b2.azurecr.io/x@sha256:0"),
        ];
        AcrFailures::new(images.into_iter(), only_new)
            .remedy(mode, aks)
            .expect("the mode has a remedy")
    }

    #[test]
    fn remedy_names_the_kubelet_identity_or_the_command_that_finds_it() {
        for (pull_identity, words) in [
            (
                Some(ImagePullIdentity::ManagedIdentity(ID.to_owned())),
                ["managed identity, client id 1212", "--assignee 12121212"],
            ),
            (
                Some(ImagePullIdentity::ServicePrincipal(ID.to_owned())),
                ["service principal 1212", "credential list --id 1212"],
            ),
            (
                None,
                [
                    "--query identityProfile.kubeletidentity.clientId",
                    "--assignee CLIENT_ID",
                ],
            ),
        ] {
            let text = remedy(M::ImageAuthFailed, false, Some(&aks_cluster(pull_identity)));
            let attach = "\n$ az aks update --subscription 0 --resource-group group --name lab \
                          --attach-acr shop\n";
            for part in words
                .into_iter()
                .chain([attach, "Do the same for toys-a1b2.azurecr.io"])
            {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert!(!text.contains("Only new nodes"), "{text}");
        }
        let text = remedy(M::ImageAuthFailed, true, None);
        assert!(
            text.contains("az aks show -g GROUP -n CLUSTER --query identityProfile"),
            "{text}"
        );
        assert!(
            text.contains("Only new nodes are affected")
                && text.contains("kubectl debug node/node-1"),
            "{text}"
        );
    }

    #[test]
    fn each_acr_failure_mode_has_its_command() {
        for (mode, command) in [
            (M::ImageForbidden, "\n$ az acr network-rule list -n shop"),
            (
                M::ImageDns,
                "\n$ az acr private-endpoint-connection list -r shop",
            ),
            (M::ImageTimeout, "\n$ az acr show-endpoints -n shop"),
            (
                M::ImageNotFound,
                "\n$ az acr repository show-tags -n shop --repository team/web ",
            ),
            (
                M::ImagePlatformMismatch,
                "\n$ az acr manifest list-metadata -r shop -n team/web ",
            ),
        ] {
            let text = remedy(mode, false, Some(&aks_cluster(None)));
            assert!(text.contains(command), "{mode}: {text}");
        }
        let images = || [("node-1", "shop.azurecr.io/web:1")].into_iter();
        assert_eq!(
            AcrFailures::new(images(), false).remedy(M::ImageNoSpace, None),
            None
        );
    }

    #[test]
    fn other_registries_and_shell_metacharacters_yield_no_command() {
        for image in [
            "web:1",
            "docker.io/web:1",
            "x$(reboot).azurecr.io/web:1",
            "shop.azurecr.io/$(reboot):1",
        ] {
            let failures = AcrFailures::new([("node-1", image)].into_iter(), false);
            assert_eq!(failures.remedy(M::ImageAuthFailed, None), None, "{image}");
        }
        let toys = FailedPull::read("", "toys-a1b2.azurecr.cn/x@sha256:0").expect("an ACR image");
        assert_eq!(
            (toys.registry, toys.repository, toys.node),
            ("toys", "x", "NODE")
        );
    }
}
