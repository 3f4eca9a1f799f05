//! Every key of the configuration file, in one table; the configuration reference is generated from
//! it.

use crate::catalogue::CheckId;

/// Type of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A string.
    Text,
    /// An integer.
    Number,
    /// A duration in Go's format: `15s`, `1m30s`, `500ms`.
    Duration,
    /// A string or a list of strings.
    Texts,
}

/// A key of a YAML file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its path. `<check>` stands for each check, `<name>` for any word.
    pub path: &'static str,
    /// Type of its value.
    pub kind: Kind,
    /// Description of the default.
    pub default: &'static str,
    /// Description of the key.
    pub meaning: &'static str,
}

const fn key(path: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key {
        path,
        kind,
        default,
        meaning,
    }
}

/// The keys of the configuration file.
pub const KEYS: &[Key] = &[
    key(
        "vantage",
        Kind::Text,
        "sidecar when the agent's variables are set, else companion",
        "Where the exporter stands: sidecar (in the agent's pod) or companion (beside it). Who is told to be a companion reads the agent's environment through the API.",
    ),
    key(
        "scope",
        Kind::Text,
        "all",
        "Which checks run: all, pod or cluster.",
    ),
    key(
        "runbook_base_url",
        Kind::Text,
        "paths in this repository",
        "Where the runbooks are published.",
    ),
    key(
        "log.level",
        Kind::Text,
        "info",
        "The least severe level that is written: error, warn, info, debug or trace.",
    ),
    key(
        "log.format",
        Kind::Text,
        "logfmt",
        "How lines look: logfmt or json.",
    ),
    key(
        "web.listen_address",
        Kind::Texts,
        ":9878",
        "Address or addresses to listen on.",
    ),
    key(
        "web.config_file",
        Kind::Text,
        "none",
        "File of the exporter-toolkit's schema, for TLS and basic authentication; relative to this file.",
    ),
    key(
        "web.external_url",
        Kind::Text,
        "none",
        "The address under which people reach the exporter, for links.",
    ),
    key(
        "web.route_prefix",
        Kind::Text,
        "the path of web.external_url",
        "Prefix of all routes.",
    ),
    key(
        "web.enable_lifecycle",
        Kind::Switch,
        "false",
        "Whether POST /-/reload is allowed.",
    ),
    key(
        "kubeconfig",
        Kind::Text,
        "KUBECONFIG",
        "Kubeconfig file; relative to this file.",
    ),
    key(
        "context",
        Kind::Text,
        "the kubeconfig's current context",
        "Context of the kubeconfig.",
    ),
    key(
        "apiserver.service_account_dir",
        Kind::Text,
        "/var/run/secrets/kubernetes.io/serviceaccount",
        "Folder with token and ca.crt of the account to probe as.",
    ),
    key(
        "apiserver.dns_name",
        Kind::Text,
        "kubernetes.default.svc",
        "DNS name that is probed beside the service's address: host or host:port.",
    ),
    key(
        "apiserver.addresses",
        Kind::Texts,
        "the EndpointSlices of default/kubernetes",
        "Fixed addresses of the API servers, at most eight, each ip:port.",
    ),
    key(
        "castai.api_url",
        Kind::Text,
        "API_URL",
        "CAST AI's API, as the agent knows it.",
    ),
    key(
        "castai.cluster_id",
        Kind::Text,
        "STATIC_CLUSTER_ID",
        "The cluster's id at CAST AI.",
    ),
    key(
        "castai.ca_file",
        Kind::Text,
        "the content of TLS_CA_CERT_FILE, else the system's roots",
        "PEM file with the authorities that CAST AI's certificate is verified against; relative to this file.",
    ),
    key(
        "castai.key_file",
        Kind::Text,
        "API_KEY",
        "File that holds the agent's key, and nothing else; relative to this file.",
    ),
    key(
        "agent.service_account",
        Kind::Text,
        "castai-agent",
        "The agent's service account, while none of its pods says which: a companion acts as it.",
    ),
    key(
        "agent.mounts",
        Kind::Text,
        "/etc/castai-agent",
        "Folder of a companion in which the agent's Secrets and ConfigMaps are mounted: secrets/NAME/KEY, configmaps/NAME/KEY.",
    ),
    key(
        "agent.version",
        Kind::Text,
        "unknown; what depends on it is not judged",
        "Version of the agent, as its image's tag says: v0.123.1.",
    ),
    key(
        "agent.namespace",
        Kind::Text,
        "that of the mounted service account, else castai-agent",
        "The agent's namespace.",
    ),
    key(
        "agent.deployment",
        Kind::Text,
        "castai-agent",
        "The name of the agent's Deployment.",
    ),
    key(
        "agent.sidecar_expected",
        Kind::Switch,
        "false",
        "Whether each pod of the agent should hold this exporter; those that do not are counted as missing it.",
    ),
    key(
        "agent.release",
        Kind::Text,
        "the release that Helm's annotations name",
        "The Helm release of which the next upgrade of the agent will be; an upgrade of another is refused.",
    ),
    key(
        "agent.latest_version",
        Kind::Text,
        "unknown",
        "The latest version of the agent, where CAST AI does not tell it (it is asked hourly, with the agent's key): v0.161.1.",
    ),
    key(
        "azure.metadata_address",
        Kind::Text,
        "169.254.169.254",
        "Where Azure's instance metadata service is asked: a link-local or loopback address, perhaps with a port.",
    ),
    key(
        "control_plane.castai_addresses",
        Kind::Texts,
        "35.221.40.21",
        "Addresses from which CAST AI reaches the API server, at most 16; the default is that of its documentation of 2023.",
    ),
    key(
        "control_plane.ca_file",
        Kind::Text,
        "the system's roots",
        "PEM file with the authorities that the clouds' certificates are verified against; relative to this file.",
    ),
    key(
        "control_plane.google_api",
        Kind::Text,
        "https://container.googleapis.com",
        "GKE's API.",
    ),
    key(
        "control_plane.azure_api",
        Kind::Text,
        "https://management.azure.com",
        "Azure's Resource Manager; another one in sovereign clouds.",
    ),
    key(
        "control_plane.azure_login",
        Kind::Text,
        "AZURE_AUTHORITY_HOST, else https://login.microsoftonline.com",
        "Azure's login, where workload identity is exchanged for a token.",
    ),
    key(
        "control_plane.azure_cluster",
        Kind::Text,
        "told by the name of the nodes' resource group",
        "The AKS cluster's id: /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.ContainerService/managedClusters/NAME.",
    ),
    key(
        "dns.nameservers",
        Kind::Texts,
        "those of dns.resolv_conf",
        "Nameservers, each ip or ip:port.",
    ),
    key(
        "dns.resolv_conf",
        Kind::Text,
        "/etc/resolv.conf",
        "Resolver configuration.",
    ),
    key(
        "dns.hosts_file",
        Kind::Text,
        "/etc/hosts",
        "Names that are known without asking.",
    ),
    key(
        "checks.<check>.enabled",
        Kind::Switch,
        "true",
        "Whether the check runs.",
    ),
    key(
        "checks.<check>.interval",
        Kind::Duration,
        "the check's",
        "Time between two attempts, from 1s to 1h.",
    ),
    key(
        "checks.<check>.limits.resolve",
        Kind::Duration,
        "the agent's",
        "How long the agent waits for a name, from 100ms to 25s; the exporter waits half as long again.",
    ),
    key(
        "checks.<check>.limits.connect",
        Kind::Duration,
        "the agent's",
        "The same for a TCP connection.",
    ),
    key(
        "checks.<check>.limits.tls",
        Kind::Duration,
        "the agent's",
        "The same for a TLS handshake.",
    ),
    key(
        "checks.<check>.limits.answer",
        Kind::Duration,
        "the agent's; for castai_api also API_TIMEOUT",
        "The same for an answer of the server or of the proxy before it.",
    ),
];

impl Key {
    /// Returns the path once for every check it stands for.
    pub fn paths(&self) -> Vec<Vec<&'static str>> {
        let path: Vec<_> = self.path.split('.').collect();
        if !path.contains(&"<check>") {
            return vec![path];
        }
        let of = |check: &CheckId| {
            path.iter()
                .map(|name| {
                    if *name == "<check>" {
                        check.label()
                    } else {
                        name
                    }
                })
                .collect()
        };
        CheckId::ALL.iter().map(of).collect()
    }
}

impl Kind {
    /// Returns the label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Switch => "true or false",
            Self::Text => "text",
            Self::Number => "number",
            Self::Duration => "duration",
            Self::Texts => "text or list of texts",
        }
    }
}
