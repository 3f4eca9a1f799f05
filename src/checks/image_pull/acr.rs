//! What mends pulls from Azure's registry on AKS: the commands, with the registry, image and identity that were seen.
//!
//! Whoever may write a pod chooses its image's name: only what a shell takes for one word stands in a command.

use std::collections::BTreeSet;

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::registry;
use crate::config::control_plane::is_plain;
use crate::report::{AksSeen, Puller};

/// Pulls from Azure's registries that fail for one reason.
#[derive(Debug)]
pub(super) struct Trouble<'a> {
    /// The first of them.
    first: Option<Pull<'a>>,
    /// The hosts of the other registries.
    others: BTreeSet<&'a str>,
    /// Whether new nodes alone are concerned.
    only_new: bool,
}

/// An image that a node is to pull.
#[derive(Clone, Copy, Debug)]
struct Pull<'a> {
    node: &'a str,
    host: &'a str,
    /// The registry as `az` calls it.
    registry: &'a str,
    repository: &'a str,
}

impl<'a> Trouble<'a> {
    /// What of these nodes and images is about Azure's registries.
    pub(super) fn new(images: impl Iterator<Item = (&'a str, &'a str)>, only_new: bool) -> Self {
        let mut pulls = images.filter_map(|(node, image)| Pull::read(node, image));
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

    /// What to do about it, where Azure's registry is concerned and it has a say in this mode.
    pub(super) fn mend(&self, mode: FailureMode, aks: Option<&AksSeen>) -> Option<String> {
        let pull = self.first?;
        let Pull {
            node,
            host,
            registry,
            repository,
        } = pull;
        let options = aks.map_or("-g GROUP -n CLUSTER", |aks| aks.options.as_str());
        let attempt = format!("`az aks check-acr {options} --acr {host}` tries it from a node");
        let text = match mode {
            M::ImageAuthFailed => {
                let who = self.puller(pull, options, aks.and_then(|aks| aks.puller.as_ref()));
                format!("{who}; {attempt}")
            }
            M::ImageForbidden => format!(
                "A registry of Azure refuses networks rather than identities so: `az acr show -n {registry} --query \
                 \"{{public:publicNetworkAccess,others:networkRuleSet.defaultAction}}\"` and `az acr network-rule list -n \
                 {registry}` tell which, and a registry with a private endpoint has to be reached by it; {attempt}"
            ),
            M::ImageDns => format!(
                "If `az acr private-endpoint-connection list -r {registry}` shows a private endpoint, the zone \
                 privatelink.azurecr.io has to be linked to the nodes' network: `az network private-dns link vnet list -g \
                 GROUP -z privatelink.azurecr.io`; {attempt}"
            ),
            M::ImageTimeout => format!(
                "The nodes have to reach all that `az acr show-endpoints -n {registry}` lists; if `az acr \
                 private-endpoint-connection list -r {registry}` shows a private endpoint, their network has to be peered \
                 with its own, and linked to the zone privatelink.azurecr.io; {attempt}"
            ),
            M::ImageNotFound => format!(
                "What is there tells `az acr repository show-tags -n {registry} --repository {repository} --orderby \
                 time_desc --top 20`"
            ),
            M::ImagePlatformMismatch => format!(
                "What it is made for tells `az acr manifest list-metadata -r {registry} -n {repository} --query \
                 \"[].{{tags:tags,arch:architecture,os:os}}\"`, and what the node is `kubectl get node {node} -L \
                 kubernetes.io/arch`"
            ),
            _ => return None,
        };
        let others: Vec<_> = self.others.iter().copied().collect();
        let others = if others.is_empty() {
            String::new()
        } else {
            format!("; likewise {}", others.join(", "))
        };
        Some(format!("{text}{others}"))
    }

    /// As whom the nodes pull, and how that identity comes to be allowed to.
    fn puller(&self, pull: Pull<'_>, options: &str, puller: Option<&Puller>) -> String {
        let Pull { node, registry, .. } = pull;
        let (who, id, more) = match puller {
            Some(Puller::ManagedIdentity(id)) => (
                format!("the kubelets' managed identity, client id {id}"),
                id.as_str(),
                String::new(),
            ),
            Some(Puller::ServicePrincipal(id)) => (
                format!("the cluster's service principal {id}"),
                id.as_str(),
                format!(
                    "; whether its secret has ended tells `az ad app credential list --id {id}`"
                ),
            ),
            None => (
                format!(
                    "the kubelets' managed identity (`az aks show {options} --query \
                     identityProfile.kubeletidentity.clientId -o tsv`), or where there is none as a service principal \
                     (`az aks show {options} --query servicePrincipalProfile.clientId -o tsv`)"
                ),
                "CLIENT_ID",
                String::new(),
            ),
        };
        let new = if self.only_new {
            format!(
                "; only new nodes are concerned, and after onboarding on CAST AI these may be another identity, which \
                 needs the same: `kubectl debug node/{node} -it --image=busybox -- grep -E \
                 \"aadClientId|userAssignedIdentityID\" /host/etc/kubernetes/azure.json`"
            )
        } else {
            String::new()
        };
        format!(
            "The nodes of this AKS pull as {who}. It needs the role AcrPull: `az role assignment create --role AcrPull \
             --assignee {id} --scope \"$(az acr show -n {registry} --query id -o tsv)\"`, or `az aks update {options} \
             --attach-acr {registry}`{more}{new}"
        )
    }
}

impl<'a> Pull<'a> {
    fn read(node: &'a str, image: &'a str) -> Option<Self> {
        let (host, rest) = image.split_once('/').filter(|_| registry(image) == "acr")?;
        // A registry whose name is not its own alone has a dash and a hash behind it.
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

    fn seen(puller: Option<Puller>) -> AksSeen {
        AksSeen {
            options: "--subscription 0 --resource-group group --name lab".to_owned(),
            puller,
        }
    }

    fn mend(mode: FailureMode, only_new: bool, aks: Option<&AksSeen>) -> String {
        let images = [
            ("node-1", "shop.azurecr.io/team/web:1"),
            ("node-1", "toys-a1b2.azurecr.io/x@sha256:0"),
        ];
        Trouble::new(images.into_iter(), only_new)
            .mend(mode, aks)
            .expect("it has a say in it")
    }

    #[test]
    fn an_identity_that_is_known_is_named_with_its_kind_and_one_that_is_not_is_found() {
        for (puller, words) in [
            (
                Some(Puller::ManagedIdentity(ID.to_owned())),
                ["managed identity, client id 1212", "--assignee 12121212"],
            ),
            (
                Some(Puller::ServicePrincipal(ID.to_owned())),
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
            let said = mend(M::ImageAuthFailed, false, Some(&seen(puller)));
            let attach = "`az aks update --subscription 0 --resource-group group --name lab --attach-acr shop`";
            for part in words
                .into_iter()
                .chain([attach, "likewise toys-a1b2.azurecr.io"])
            {
                assert!(said.contains(part), "{part}: {said}");
            }
            assert!(!said.contains("only new nodes"), "{said}");
        }
        let said = mend(M::ImageAuthFailed, true, None);
        assert!(
            said.contains("az aks show -g GROUP -n CLUSTER --query identityProfile"),
            "{said}"
        );
        assert!(
            said.contains("only new nodes are concerned")
                && said.contains("kubectl debug node/node-1"),
            "{said}"
        );
    }

    #[test]
    fn each_mode_in_which_azure_has_a_say_has_its_command() {
        for (mode, command) in [
            (M::ImageForbidden, "`az acr network-rule list -n shop`"),
            (
                M::ImageDns,
                "`az acr private-endpoint-connection list -r shop`",
            ),
            (M::ImageTimeout, "`az acr show-endpoints -n shop`"),
            (
                M::ImageNotFound,
                "`az acr repository show-tags -n shop --repository team/web ",
            ),
            (
                M::ImagePlatformMismatch,
                "`az acr manifest list-metadata -r shop -n team/web ",
            ),
        ] {
            let said = mend(mode, false, Some(&seen(None)));
            assert!(said.contains(command), "{mode}: {said}");
        }
        let images = || [("node-1", "shop.azurecr.io/web:1")].into_iter();
        assert_eq!(
            Trouble::new(images(), false).mend(M::ImageNoSpace, None),
            None
        );
    }

    #[test]
    fn other_registries_and_names_that_a_shell_would_run_are_in_no_command() {
        for image in [
            "web:1",
            "docker.io/web:1",
            "x$(reboot).azurecr.io/web:1",
            "shop.azurecr.io/$(reboot):1",
        ] {
            let trouble = Trouble::new([("node-1", image)].into_iter(), false);
            assert_eq!(trouble.mend(M::ImageAuthFailed, None), None, "{image}");
        }
        let toys = Pull::read("", "toys-a1b2.azurecr.cn/x@sha256:0").expect("a registry of Azure");
        assert_eq!(
            (toys.registry, toys.repository, toys.node),
            ("toys", "x", "NODE")
        );
    }
}
