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
    /// A string; numbers and booleans are taken as written.
    Scalar,
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
    /// Its path. `<check>` is a placeholder for each check, `<name>` for any word.
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
        "Where the exporter runs: sidecar (in the agent's pod) or companion (in a separate pod). A companion reads the agent's environment through the API server.",
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
        "Base URL of the published runbooks.",
    ),
    key(
        "log.level",
        Kind::Text,
        "info",
        "Least severe level that is logged: error, warn, info, debug or trace.",
    ),
    key(
        "log.format",
        Kind::Text,
        "logfmt",
        "Format of log lines: logfmt or json.",
    ),
    key(
        "web.listen_address",
        Kind::Texts,
        ":9878",
        "Listen address, or a list of them.",
    ),
    key(
        "web.config_file",
        Kind::Text,
        "none",
        "Web configuration file in the exporter-toolkit schema, for TLS and basic authentication; relative to this file.",
    ),
    key(
        "web.external_url",
        Kind::Text,
        "none",
        "URL under which users reach the exporter, for links.",
    ),
    key(
        "web.route_prefix",
        Kind::Text,
        "the path of web.external_url",
        "Prefix of all routes.",
    ),
    key(
        "web.open_routes",
        Kind::Texts,
        "none",
        "Routes that require no password although the web configuration file has users: health (/-/healthy and /-/ready), metrics, or both.",
    ),
    key(
        "web.enable_lifecycle",
        Kind::Switch,
        "false",
        "Whether POST /-/reload is enabled.",
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
        "Directory with token and ca.crt of the service account to use.",
    ),
    key(
        "apiserver.dns_name",
        Kind::Text,
        "kubernetes.default.svc",
        "DNS name that is tested in addition to the service address: host or host:port.",
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
        "URL of CAST AI's API, as the agent uses it.",
    ),
    key(
        "castai.cluster_id",
        Kind::Text,
        "STATIC_CLUSTER_ID",
        "The cluster's ID at CAST AI.",
    ),
    key(
        "castai.ca_file",
        Kind::Text,
        "the content of TLS_CA_CERT_FILE, else the system's roots",
        "PEM file with the certificate authorities trusted for CAST AI; relative to this file.",
    ),
    key(
        "castai.key_file",
        Kind::Text,
        "API_KEY",
        "File that contains only the agent's API key; relative to this file.",
    ),
    key(
        "agent.service_account",
        Kind::Text,
        "castai-agent",
        "The agent's service account, used by a companion until a running pod reports one.",
    ),
    key(
        "agent.token_requests",
        Kind::Switch,
        "true",
        "Whether a companion requests tokens of the agent's service account, to see what the agent sees. Without them, checks that need the agent's identity are not_applicable, and the others use the companion's own account.",
    ),
    key(
        "agent.mounts",
        Kind::Text,
        "/etc/castai-agent",
        "Directory in which a companion has the agent's Secrets and ConfigMaps mounted: secrets/NAME/KEY (secret-keys/NAME/KEY if not all keys are mounted), configmaps/NAME/KEY.",
    ),
    key(
        "agent.version",
        Kind::Text,
        "unknown; checks that depend on it skip that part",
        "Version of the agent as in its image tag: v0.123.1.",
    ),
    key(
        "agent.namespace",
        Kind::Text,
        "the namespace of the mounted service account, else castai-agent",
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
        "Whether every pod of the agent should contain this exporter; pods without it are counted as missing.",
    ),
    key(
        "agent.release",
        Kind::Text,
        "the release in Helm's annotations",
        "Helm release that the next upgrade of the agent will use; an upgrade of another release fails.",
    ),
    key(
        "agent.latest_version",
        Kind::Text,
        "unknown",
        "Latest version of the agent, used if CAST AI does not report it (queried hourly with the agent's key): v0.161.1.",
    ),
    key(
        "azure.metadata_address",
        Kind::Text,
        "169.254.169.254",
        "Address of Azure's instance metadata service: link-local or loopback, with an optional port.",
    ),
    key(
        "control_plane.castai_addresses",
        Kind::Texts,
        "35.221.40.21",
        "Addresses from which CAST AI connects to the API server, at most 16; the default is from its documentation of 2023.",
    ),
    key(
        "control_plane.ca_file",
        Kind::Text,
        "the system's roots",
        "PEM file with the certificate authorities trusted for cloud APIs; relative to this file.",
    ),
    key(
        "control_plane.google_api",
        Kind::Text,
        "https://container.googleapis.com",
        "URL of the GKE API.",
    ),
    key(
        "control_plane.azure_api",
        Kind::Text,
        "https://management.azure.com",
        "URL of Azure Resource Manager; differs in sovereign clouds.",
    ),
    key(
        "control_plane.azure_login",
        Kind::Text,
        "AZURE_AUTHORITY_HOST, else https://login.microsoftonline.com",
        "URL of the Azure login endpoint, which exchanges a workload identity for a token.",
    ),
    key(
        "control_plane.azure_cluster",
        Kind::Text,
        "derived from the name of the node resource group",
        "Resource ID of the AKS cluster: /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.ContainerService/managedClusters/NAME.",
    ),
    key(
        "events.enabled",
        Kind::Switch,
        "false",
        "Whether a change of a root cause becomes a Kubernetes Event on the agent's Deployment. The account needs the permission to create and patch events in the agent's namespace.",
    ),
    key(
        "dns.nameservers",
        Kind::Texts,
        "the nameservers in dns.resolv_conf",
        "Nameservers, each ip or ip:port.",
    ),
    key(
        "dns.resolv_conf",
        Kind::Text,
        "/etc/resolv.conf",
        "Resolver configuration.",
    ),
    key("dns.hosts_file", Kind::Text, "/etc/hosts", "Hosts file."),
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
        "checks.<check>.timeouts.resolve",
        Kind::Duration,
        "the agent's",
        "The agent's timeout for name resolution, from 100ms to 25s; the exporter waits half as long again.",
    ),
    key(
        "checks.<check>.timeouts.connect",
        Kind::Duration,
        "the agent's",
        "The agent's timeout for the TCP connection.",
    ),
    key(
        "checks.<check>.timeouts.tls",
        Kind::Duration,
        "the agent's",
        "The agent's timeout for the TLS handshake.",
    ),
    key(
        "checks.<check>.timeouts.response",
        Kind::Duration,
        "the agent's; for castai_api also API_TIMEOUT",
        "The agent's timeout for the response of the server, or of the proxy before it.",
    ),
];

impl Key {
    /// Returns the path once for every check that it applies to.
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
            Self::Text | Self::Scalar => "text",
            Self::Number => "number",
            Self::Duration => "duration",
            Self::Texts => "text or list of texts",
        }
    }
}
