//! The configuration, true by construction: flags over file over the agent's environment over defaults.
//!
//! Invariant: it holds what is known before the first packet; it opens no connection and knows no check's code.

pub mod agent;
mod agent_env;
pub mod aws;
pub mod clouds;
pub mod control_plane;
pub mod elsewhere;
mod file;
pub mod flags;
pub mod keys;
mod load;
pub(crate) mod nearest;
pub mod node_local;
pub mod problem;
pub mod provider;
pub mod proxy;
pub mod secret;
pub(crate) mod tree;
pub mod values;
pub mod web;
pub mod written;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use agent::{Agent, ObjectName};
pub use aws::Aws;
pub use clouds::Clouds;
pub use elsewhere::{AgentPlace, AgentSeen, Elsewhere};
pub use flags::Flags;
pub use problem::{Problem, Problems};
pub use provider::{Provider, Told};
pub use proxy::ProxyRules;
pub use secret::Secret;
pub use web::WebConfig;
pub use written::Written;

use crate::catalogue::{CheckId, Limits, Scope};

/// Where this process stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Vantage {
    /// A container in the agent's pod.
    Sidecar,
    /// A pod, or a shell, of its own.
    Companion,
}

/// Where the agent's environment was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AgentEnvironment {
    /// From this process's own environment.
    Own,
    /// From the agent's pod, through the API.
    Pod,
    /// From the agent's Deployment, through the API: it has no pod.
    Deployment,
    /// Nowhere: no variable of the agent is set, or the agent is not found.
    None,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// `key=value`.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Everything the program needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where this process stands.
    pub vantage: Vantage,
    /// Which checks run; `None` is all of them.
    pub scope: Option<Scope>,
    /// Where the agent's environment was read.
    pub agent_environment: AgentEnvironment,
    /// Where the agent is, when it is looked for through the API.
    pub agent_place: Option<AgentPlace>,
    /// What was seen of it there.
    pub agent_seen: AgentSeen,
    /// How the exporter is served.
    pub web: Web,
    /// How it logs.
    pub log: Log,
    /// Where the runbooks are published, without a trailing slash.
    pub runbook_base: String,
    /// Where the API server is.
    pub apiserver: Apiserver,
    /// Where CAST AI is and who the agent is there.
    pub castai: Castai,
    /// What the agent is told of its cluster.
    pub told: Told,
    /// What is known of the agent's installation.
    pub installation: Installation,
    /// What the agent needs of AWS, and what it is given for it.
    pub aws: Aws,
    /// Where the agent listens, and which objects are its own.
    pub agent: Agent,
    /// Where the metadata servers of Google and Azure are asked.
    pub clouds: Clouds,
    /// How the control plane's firewall is looked at.
    pub control_plane: control_plane::ControlPlane,
    /// How names are resolved.
    pub dns: Dns,
    /// Which requests go through which proxy, by Go's rules.
    pub proxy: ProxyRules,
    /// Per check; all of them, in the catalogue's order.
    pub checks: Vec<CheckSettings>,
    /// The files to read while examining that were named on the command line or in the configuration file.
    pub named_files: Vec<NamedFile>,
    /// Values of the agent's environment that make no sense: the agent's trouble, not a reason not to start.
    pub environment_problems: Problems,
}

/// How the exporter is served.
#[derive(Clone, Debug)]
pub struct Web {
    /// Addresses to listen on; `[::]` stands for every address of the machine, of both families.
    pub listen: Vec<SocketAddr>,
    /// The exporter-toolkit's file for TLS and basic auth.
    pub config_file: Option<PathBuf>,
    /// The address under which people reach it, for links.
    pub external_url: Option<url::Url>,
    /// Prefix of all routes: empty, or `/…` without a trailing slash.
    pub route_prefix: String,
    /// Whether `POST /-/reload` is allowed.
    pub enable_lifecycle: bool,
}

/// How it logs.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// The least severe level that is written.
    pub level: tracing::Level,
    /// How lines look.
    pub format: LogFormat,
}

/// Where the API server is.
#[derive(Clone, Debug)]
pub enum Apiserver {
    /// As a pod is told by `KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT` and the mounted service account.
    InCluster(InCluster),
    /// As a file says; outside a cluster.
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// A context other than the file's current one.
        context: Option<String>,
    },
    /// A value makes no sense, for the agent as little as for us.
    Invalid(Problem),
    /// Neither a pod nor a kubeconfig.
    Absent,
}

/// The API server as a pod is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InCluster {
    /// Host of the service: an address, or a name as AKS sets it.
    pub host: String,
    /// Port of the service.
    pub port: u16,
    /// Folder with `token` and `ca.crt`.
    pub service_account_dir: PathBuf,
    /// The DNS name that stands beside the service's address, and its port.
    pub dns_name: (String, u16),
    /// Fixed addresses of the API servers, instead of the `EndpointSlice`s of `default/kubernetes`.
    pub addresses: Option<Vec<SocketAddr>>,
}

/// Where CAST AI is and who the agent is there.
#[derive(Clone, Debug)]
pub struct Castai {
    /// `API_URL`, as the agent normalises it; `None` when nothing of the agent's environment is known.
    pub url: Option<Result<url::Url, Problem>>,
    /// `API_KEY`.
    pub key: ApiKey,
    /// `STATIC_CLUSTER_ID`, or the file's.
    pub cluster_id: Option<String>,
    /// `API_HOST_HEADER_OVERRIDE`.
    pub host_header: Option<String>,
    /// `TLS_CA_CERT_FILE`: PEM content that replaces the system's roots.
    pub roots: Option<Result<Vec<u8>, Problem>>,
}

/// What is known of the agent's installation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Installation {
    /// Its namespace: the file's, that of the mounted service account, or `castai-agent`.
    pub namespace: String,
    /// The name of its Deployment.
    pub deployment: String,
    /// The Helm release of which the next upgrade will be.
    pub release: Option<String>,
    /// The latest version that there is.
    pub latest: Option<aws::Version>,
    /// Whether each of its pods should hold this exporter.
    pub sidecar_expected: bool,
}

/// The agent's key.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ApiKey {
    /// Not set, or empty.
    Missing,
    /// It holds a byte that no header may hold; says which, never the key.
    Malformed(String),
    /// The agent may have one that is not seen here; says where it lies.
    Unseen(String),
    /// A key.
    Present(Secret),
}

/// How names are resolved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dns {
    /// Nameservers instead of those of `resolv_conf`.
    pub nameservers: Option<Vec<SocketAddr>>,
    /// Usually `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// Usually `/etc/hosts`.
    pub hosts: PathBuf,
}

/// What is settled for one check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckSettings {
    /// Which.
    pub check: CheckId,
    /// Whether it runs at all.
    pub enabled: bool,
    /// Time between two attempts.
    pub interval: Duration,
    /// How long the agent waits on the way.
    pub limits: Limits,
}

/// A file, or folder, that was named on the command line or in the configuration file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NamedFile {
    /// What it is for.
    pub purpose: Purpose,
    /// Where it lies.
    pub path: PathBuf,
    /// Where it was named.
    pub written: Written,
}

/// What a named file is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// How to reach the API server.
    Kubeconfig,
    /// The folder with a token and a CA.
    ServiceAccount,
    /// Names and nameservers.
    Names,
}

impl Config {
    /// The settings of a check.
    pub fn check(&self, check: CheckId) -> &CheckSettings {
        self.checks
            .iter()
            .find(|settings| settings.check == check)
            .expect("every check of the catalogue has settings")
    }
}

impl Vantage {
    /// The value of the label `vantage`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sidecar => "sidecar",
            Self::Companion => "companion",
        }
    }
}

impl AgentEnvironment {
    /// The value of the label `agent_environment`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Pod => "pod",
            Self::Deployment => "deployment",
            Self::None => "none",
        }
    }
}
