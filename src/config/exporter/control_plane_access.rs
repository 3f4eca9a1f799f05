//! Settings of the control-plane firewall check: CAST AI's addresses, and the exporter's access to
//! the cloud APIs.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use url::Url;

use crate::config::sourced_value::InvalidValue;
use crate::config::values;

/// CAST AI's address in its documentation of 2023; it belongs to Google Cloud.
pub const DOCUMENTED: IpAddr = IpAddr::V4(Ipv4Addr::new(35, 221, 40, 21));

/// Maximum number of CAST AI addresses to look for.
pub const MAX_ADDRESSES: usize = 16;

/// Settings of the control-plane firewall check.
#[derive(Clone, Debug)]
pub struct ControlPlaneAccessSettings {
    /// Source addresses of CAST AI.
    pub addresses: Vec<IpAddr>,
    /// PEM roots that replace the system's.
    pub roots: Option<Vec<u8>>,
    /// GKE's API.
    pub google_api: Url,
    /// Azure's Resource Manager.
    pub azure_api: Url,
    /// Azure's login.
    pub azure_login: Url,
    /// The Azure identity of the cluster.
    pub azure_cluster: Option<AksCluster>,
    /// `AZURE_CLIENT_ID`: selects one of several identities of this pod or node.
    pub azure_client: Option<String>,
    /// Azure Workload Identity of this pod.
    pub azure_federation: Option<AzureWorkloadIdentity>,
}

/// The Azure identity of an AKS cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AksCluster {
    /// Subscription ID.
    pub subscription: String,
    /// Resource group of the cluster, not of its nodes.
    pub group: String,
    /// Cluster name.
    pub name: String,
}

/// Azure Workload Identity of a pod.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AzureWorkloadIdentity {
    /// `AZURE_TENANT_ID`.
    pub tenant: String,
    /// `AZURE_CLIENT_ID`.
    pub client: String,
    /// `AZURE_FEDERATED_TOKEN_FILE`.
    pub token_file: PathBuf,
}

/// The Azure identity of this pod, as Azure's webhook injects it; never the agent's, even in the
/// companion.
#[derive(Debug)]
pub(crate) struct ExporterIdentity {
    pub(crate) login: Option<Url>,
    pub(crate) client: Option<String>,
    pub(crate) federation: Option<AzureWorkloadIdentity>,
}

impl ExporterIdentity {
    /// Reads the identity from this process's variables.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let federation = || {
            Some(AzureWorkloadIdentity {
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
    /// Parses an Azure resource ID.
    pub(crate) fn read(text: &str) -> Result<Self, InvalidValue> {
        let right = "write /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.ContainerService/managedClusters/NAME";
        let wrong = || {
            InvalidValue::new(
                format!(
                    "{} is not the resource ID of an AKS cluster",
                    values::shown(text)
                ),
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

    /// Returns the cluster that owns a node resource group with AKS's default name
    /// `MC_GROUP_NAME_LOCATION`.
    ///
    /// Returns `None` if further underscores make the name ambiguous.
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

/// Returns whether a name is safe as one path segment and one shell word.
pub fn is_plain(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=90).contains(&name.len()) && name.bytes().all(word) && !name.starts_with(['-', '.'])
}

/// Parses the URL of an API that receives a token: https only, host only.
pub(crate) fn api(text: &str) -> Result<Url, InvalidValue> {
    let url = values::link(text)?;
    let bare = url.scheme() == "https" && url.path().trim_end_matches('/').is_empty();
    bare.then_some(url).ok_or_else(|| {
        let what = format!(
            "{} is more or less than an https address of a host",
            values::shown(text)
        );
        InvalidValue::new(what, "write https://HOST, because a token is sent there")
    })
}
