//! What the exporter needs to look at the control plane's firewall: CAST AI's addresses, and its own way to the clouds.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use url::Url;

use crate::config::values;
use crate::config::written::Wrong;

/// CAST AI's address in its documentation of 2023. It is one of Google Cloud's.
pub const DOCUMENTED: IpAddr = IpAddr::V4(Ipv4Addr::new(35, 221, 40, 21));

/// The most addresses of CAST AI that are looked for.
pub const MAX_ADDRESSES: usize = 16;

/// How the control plane's firewall is looked at.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    /// The addresses from which CAST AI comes.
    pub addresses: Vec<IpAddr>,
    /// PEM with whom to trust, instead of the system's roots.
    pub roots: Option<Vec<u8>>,
    /// GKE's API.
    pub google_api: Url,
    /// Azure's Resource Manager.
    pub azure_api: Url,
    /// Azure's login.
    pub azure_login: Url,
    /// The cluster as Azure names it.
    pub azure_cluster: Option<AksCluster>,
    /// `AZURE_CLIENT_ID`: which of several identities of this pod or node.
    pub azure_client: Option<String>,
    /// A token of the service account that Azure exchanges.
    pub azure_federation: Option<Federation>,
}

/// A cluster as Azure names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AksCluster {
    /// The subscription.
    pub subscription: String,
    /// The resource group, not that of the nodes.
    pub group: String,
    /// The name.
    pub name: String,
}

/// What Azure's workload identity gives a pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Federation {
    /// `AZURE_TENANT_ID`.
    pub tenant: String,
    /// `AZURE_CLIENT_ID`.
    pub client: String,
    /// `AZURE_FEDERATED_TOKEN_FILE`.
    pub token_file: PathBuf,
}

/// Who this pod itself is to Azure, as Azure's webhook tells it; also beside the agent this is not the agent.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) login: Option<Url>,
    pub(crate) client: Option<String>,
    pub(crate) federation: Option<Federation>,
}

impl Own {
    /// Reads it from the variables of this process.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let federation = || {
            Some(Federation {
                tenant: set("AZURE_TENANT_ID")?,
                client: set("AZURE_CLIENT_ID")?,
                token_file: PathBuf::from(set("AZURE_FEDERATED_TOKEN_FILE")?),
            })
        };
        Self {
            login: set("AZURE_AUTHORITY_HOST").and_then(|text| api(&text).ok()),
            client: set("AZURE_CLIENT_ID"),
            federation: federation(),
        }
    }
}

impl AksCluster {
    /// Reads a resource's id.
    pub(crate) fn read(text: &str) -> Result<Self, Wrong> {
        let right = "write /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.ContainerService/managedClusters/NAME";
        let wrong = || {
            Wrong::new(
                format!("{} is no id of an AKS cluster", values::shown(text)),
                right,
            )
        };
        let parts: Vec<_> = text.split('/').collect();
        let [_, _, subscription, _, group, _, _, _, name] = parts.as_slice() else {
            return Err(wrong());
        };
        let words = [
            "",
            "subscriptions",
            "resourceGroups",
            "providers",
            "Microsoft.ContainerService",
            "managedClusters",
        ];
        let fits = [0, 1, 3, 5, 6, 7]
            .into_iter()
            .zip(words)
            .all(|(at, word)| parts[at].eq_ignore_ascii_case(word));
        if !fits
            || ![subscription, group, name]
                .iter()
                .all(|part| is_plain(part))
        {
            return Err(wrong());
        }
        let own = |part: &&str| (*part).to_owned();
        Ok(Self {
            subscription: own(subscription),
            group: own(group),
            name: own(name),
        })
    }

    /// The cluster that a resource group of nodes belongs to, if it has the name that AKS gives it: `MC_GROUP_NAME_LOCATION`.
    ///
    /// With more underscores than those it cannot be told.
    pub fn of_nodes(subscription: &str, node_group: &str) -> Option<Self> {
        let inner = node_group
            .get(..3)
            .filter(|start| start.eq_ignore_ascii_case("MC_"))
            .map(|_| &node_group[3..])?;
        let parts: Vec<_> = inner.split('_').collect();
        let [group, name, _location] = parts.as_slice() else {
            return None;
        };
        let plain = [subscription, group, name]
            .iter()
            .all(|part| is_plain(part));
        plain.then(|| Self {
            subscription: subscription.to_owned(),
            group: (*group).to_owned(),
            name: (*name).to_owned(),
        })
    }
}

/// Whether a name is one that a path and a shell take for one word.
pub fn is_plain(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=90).contains(&name.len()) && name.bytes().all(word) && !name.starts_with(['-', '.'])
}

/// The address of an API to which a token goes: nothing but https, and nothing but a host.
pub(crate) fn api(text: &str) -> Result<Url, Wrong> {
    let url = values::link(text)?;
    let bare = url.scheme() == "https" && url.path().trim_end_matches('/').is_empty();
    bare.then_some(url).ok_or_else(|| {
        let what = format!(
            "{} is more or less than an https address of a host",
            values::shown(text)
        );
        Wrong::new(what, "write https://HOST, because a token is sent there")
    })
}
