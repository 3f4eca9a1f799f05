//! The checks: what is examined again and again, and the small words that describe them.

use std::fmt;
use std::time::Duration;

use crate::catalogue::timeouts::Limits;

/// Where a check's answer holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// What this pod can reach and is given.
    Pod,
    /// The whole cluster; one observer is enough.
    Cluster,
}

/// A step on the way to a target, in the order in which the steps are taken.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// The name becomes addresses.
    Resolve,
    /// The TCP connection, to the target or to the proxy before it.
    Connect,
    /// The proxy is asked to open a tunnel.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// From the first byte of the request to the last byte of the answer.
    Request,
}

/// What the agent needs a check for; decides severity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// The agent cannot work without it.
    Start,
    /// Something is worse without it.
    Feature,
    /// The agent does not use it here.
    None,
}

/// The word for a verdict, as the label `status` and the JSON carry it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Status {
    /// Examined, and as the agent needs it.
    Ok,
    /// Advice, or trouble that the agent survives.
    Warning,
    /// The agent cannot use it.
    Failing,
    /// Not examined, or it could not be found out.
    Unknown,
    /// It has no meaning here.
    NotApplicable,
}

/// One dependency or condition that is examined again and again.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CheckId {
    /// Names.
    Dns,
    /// The Kubernetes API server.
    Apiserver,
    /// CAST AI's API.
    CastaiApi,
    /// The instance metadata of EC2.
    Imds,
    /// Where the agent's AWS credentials come from.
    AwsCredentials,
    /// Google's metadata server.
    GceMetadata,
    /// Azure's instance metadata service.
    AzureImds,
    /// Who AWS takes the agent for.
    StsIdentity,
    /// EC2's API.
    Ec2Api,
    /// The cluster's account, region and name.
    ClusterMetadata,
    /// Who may reach the control plane.
    ControlPlaneAccess,
    /// The agent's Deployment and pods.
    AgentWorkload,
    /// The agent's next upgrade.
    AgentUpgrade,
    /// CAST AI's cluster controller.
    ClusterController,
    /// CAST AI's other components.
    Components,
    /// Images that do not come.
    ImagePull,
    /// The purchase option of the nodes.
    NodeLifecycle,
    /// The clock of this node.
    Clock,
    /// The cluster as CAST AI sees it.
    ClusterStatus,
    /// What the agent says of its health, and who leads.
    AgentHealth,
    /// What the agent's log says is wrong.
    AgentLog,
}

/// What is published about a check.
#[derive(Debug)]
pub struct CheckEntry {
    /// The value of the label `check`.
    pub label: &'static str,
    /// The question it answers.
    pub question: &'static str,
    /// Where its answer holds.
    pub scope: Scope,
    /// Default time between two attempts.
    pub interval: Duration,
    /// Checks that may block it or tell it something; they run first.
    pub prerequisites: &'static [CheckId],
    /// The phases whose durations it publishes.
    pub phases: &'static [Phase],
    /// How long the agent waits on the way to this target.
    pub limits: Limits,
}

impl CheckId {
    /// All checks, prerequisites before what they may block.
    pub const ALL: &'static [Self] = &[
        Self::Dns,
        Self::Apiserver,
        Self::CastaiApi,
        Self::Imds,
        Self::AwsCredentials,
        Self::GceMetadata,
        Self::AzureImds,
        Self::StsIdentity,
        Self::Ec2Api,
        Self::ClusterMetadata,
        Self::ControlPlaneAccess,
        Self::AgentWorkload,
        Self::AgentUpgrade,
        Self::ClusterController,
        Self::Components,
        Self::ImagePull,
        Self::NodeLifecycle,
        Self::Clock,
        Self::ClusterStatus,
        Self::AgentHealth,
        Self::AgentLog,
    ];

    /// Everything published about this check.
    #[expect(clippy::too_many_lines, reason = "it is one table")]
    pub const fn entry(self) -> &'static CheckEntry {
        match self {
            Self::Dns => {
                const {
                    &CheckEntry {
                        label: "dns",
                        question: "Do the names that the agent needs resolve through the pod's own resolver?",
                        scope: Scope::Pod,
                        interval: Duration::from_secs(30),
                        prerequisites: &[],
                        phases: &[Phase::Resolve],
                        limits: Limits::DNS,
                    }
                }
            }
            Self::Apiserver => {
                const {
                    &CheckEntry {
                        label: "apiserver",
                        question: "Can the agent's account reach the Kubernetes API server and use it?",
                        scope: Scope::Pod,
                        interval: Duration::from_secs(15),
                        prerequisites: &[],
                        phases: &[
                            Phase::Resolve,
                            Phase::Connect,
                            Phase::Proxy,
                            Phase::Tls,
                            Phase::Request,
                        ],
                        limits: Limits::APISERVER,
                    }
                }
            }
            Self::CastaiApi => {
                const {
                    &CheckEntry {
                        label: "castai_api",
                        question: "Can CAST AI's API be reached, and does it accept the agent's key?",
                        scope: Scope::Pod,
                        interval: Duration::from_secs(30),
                        prerequisites: &[],
                        phases: &[
                            Phase::Resolve,
                            Phase::Connect,
                            Phase::Proxy,
                            Phase::Tls,
                            Phase::Request,
                        ],
                        limits: Limits::CASTAI_API,
                    }
                }
            }
            Self::Imds => {
                const {
                    &CheckEntry {
                        label: "imds",
                        question: "Does EC2's instance metadata service give the agent what it asks for?",
                        scope: Scope::Pod,
                        interval: Duration::from_mins(1),
                        prerequisites: &[],
                        phases: &[Phase::Connect, Phase::Request],
                        limits: Limits::IMDS,
                    }
                }
            }
            Self::AwsCredentials => {
                const {
                    &CheckEntry {
                        label: "aws_credentials",
                        question: "Which AWS credentials does the agent use, and are they present, readable and fresh?",
                        scope: Scope::Pod,
                        interval: Duration::from_mins(1),
                        prerequisites: &[Self::Apiserver, Self::Imds],
                        phases: &[Phase::Connect, Phase::Request],
                        limits: Limits::CREDENTIALS,
                    }
                }
            }
            Self::GceMetadata => {
                const {
                    &CheckEntry {
                        label: "gce_metadata",
                        question: "Does Google's metadata server give the agent what it is not told of its cluster?",
                        scope: Scope::Pod,
                        interval: Duration::from_mins(1),
                        prerequisites: &[],
                        phases: &[Phase::Resolve, Phase::Connect, Phase::Request],
                        limits: Limits::GCE_METADATA,
                    }
                }
            }
            Self::AzureImds => {
                const {
                    &CheckEntry {
                        label: "azure_imds",
                        question: "Does Azure's instance metadata service give the agent what it is not told of its cluster?",
                        scope: Scope::Pod,
                        interval: Duration::from_mins(1),
                        prerequisites: &[],
                        phases: &[Phase::Resolve, Phase::Connect, Phase::Request],
                        limits: Limits::AZURE_IMDS,
                    }
                }
            }
            Self::StsIdentity => {
                const {
                    &CheckEntry {
                        label: "sts_identity",
                        question: "Does AWS accept the agent's credentials, and for whom does it take them?",
                        scope: Scope::Pod,
                        interval: Duration::from_mins(1),
                        prerequisites: &[Self::Imds, Self::AwsCredentials],
                        phases: &[
                            Phase::Resolve,
                            Phase::Connect,
                            Phase::Proxy,
                            Phase::Tls,
                            Phase::Request,
                        ],
                        limits: Limits::AWS,
                    }
                }
            }
            Self::Ec2Api => {
                const {
                    &CheckEntry {
                        label: "ec2_api",
                        question: "May the agent ask EC2 about instances, and does it see the cluster's?",
                        scope: Scope::Pod,
                        interval: Duration::from_mins(1),
                        prerequisites: &[Self::Imds, Self::AwsCredentials, Self::StsIdentity],
                        phases: &[
                            Phase::Resolve,
                            Phase::Connect,
                            Phase::Proxy,
                            Phase::Tls,
                            Phase::Request,
                        ],
                        limits: Limits::AWS,
                    }
                }
            }
            Self::ClusterMetadata => {
                const {
                    &CheckEntry {
                        label: "cluster_metadata",
                        question: "Does the agent learn the cluster's account, region and name?",
                        scope: Scope::Pod,
                        interval: Duration::from_mins(1),
                        prerequisites: &[
                            Self::Imds,
                            Self::Ec2Api,
                            Self::GceMetadata,
                            Self::AzureImds,
                        ],
                        phases: &[],
                        limits: Limits::NONE,
                    }
                }
            }
            Self::ControlPlaneAccess => {
                const {
                    &CheckEntry {
                        label: "control_plane_access",
                        question: "May CAST AI's addresses reach the control plane?",
                        scope: Scope::Cluster,
                        interval: Duration::from_mins(10),
                        prerequisites: &[Self::StsIdentity, Self::Ec2Api],
                        phases: &[],
                        limits: Limits::NONE,
                    }
                }
            }
            Self::AgentWorkload => {
                const {
                    &CheckEntry {
                        label: "agent_workload",
                        question: "Is the agent there, and do its pods run?",
                        scope: Scope::Cluster,
                        interval: Duration::from_secs(15),
                        prerequisites: &[Self::Apiserver],
                        phases: &[],
                        limits: Limits::NONE,
                    }
                }
            }
            Self::AgentUpgrade => {
                const {
                    &CheckEntry {
                        label: "agent_upgrade",
                        question: "Is the agent up to date, and would its next upgrade be refused?",
                        scope: Scope::Cluster,
                        interval: Duration::from_secs(15),
                        prerequisites: &[Self::Apiserver, Self::CastaiApi],
                        phases: &[],
                        limits: Limits::CASTAI_API,
                    }
                }
            }
            Self::ClusterController => {
                const {
                    &CheckEntry {
                        label: "cluster_controller",
                        question: "Does CAST AI's cluster controller run, where it is installed?",
                        scope: Scope::Cluster,
                        interval: Duration::from_secs(15),
                        prerequisites: &[Self::Apiserver],
                        phases: &[],
                        limits: Limits::NONE,
                    }
                }
            }
            Self::Components => {
                const {
                    &CheckEntry {
                        label: "components",
                        question: "Do CAST AI's other components run, where they are installed?",
                        scope: Scope::Cluster,
                        interval: Duration::from_secs(15),
                        prerequisites: &[Self::Apiserver],
                        phases: &[],
                        limits: Limits::NONE,
                    }
                }
            }
            Self::ImagePull => {
                const {
                    &CheckEntry {
                        label: "image_pull",
                        question: "Can the pods of this cluster pull their images?",
                        scope: Scope::Cluster,
                        interval: Duration::from_secs(15),
                        prerequisites: &[
                            Self::Apiserver,
                            Self::ControlPlaneAccess,
                            Self::AgentWorkload,
                        ],
                        phases: &[],
                        limits: Limits::NONE,
                    }
                }
            }
            Self::NodeLifecycle => {
                const {
                    &CheckEntry {
                        label: "node_lifecycle",
                        question: "Can the agent tell which nodes are spot instances?",
                        scope: Scope::Cluster,
                        interval: Duration::from_mins(5),
                        prerequisites: &[
                            Self::Apiserver,
                            Self::AwsCredentials,
                            Self::StsIdentity,
                            Self::Ec2Api,
                        ],
                        phases: &[],
                        limits: Limits::NONE,
                    }
                }
            }
            Self::Clock => {
                const {
                    &CheckEntry {
                        label: "clock",
                        question: "Does this node's clock agree with the servers that the agent talks to?",
                        scope: Scope::Pod,
                        interval: Duration::from_secs(15),
                        prerequisites: &[Self::Apiserver, Self::CastaiApi, Self::StsIdentity],
                        phases: &[],
                        limits: Limits::NONE,
                    }
                }
            }
            Self::ClusterStatus => {
                const {
                    &CheckEntry {
                        label: "cluster_status",
                        question: "Does CAST AI itself see the cluster as connected, and can it work on it?",
                        scope: Scope::Cluster,
                        interval: Duration::from_mins(1),
                        prerequisites: &[Self::CastaiApi],
                        phases: &[],
                        limits: Limits::CASTAI_API,
                    }
                }
            }
            Self::AgentHealth => {
                const {
                    &CheckEntry {
                        label: "agent_health",
                        question: "Does the agent call itself healthy, and does one instance lead?",
                        scope: Scope::Pod,
                        interval: Duration::from_secs(15),
                        prerequisites: &[Self::AgentWorkload],
                        phases: &[],
                        limits: Limits::AGENT,
                    }
                }
            }
            Self::AgentLog => {
                const {
                    &CheckEntry {
                        label: "agent_log",
                        question: "What does the agent itself say is wrong?",
                        scope: Scope::Cluster,
                        interval: Duration::from_secs(15),
                        prerequisites: &[Self::Apiserver],
                        phases: &[],
                        limits: Limits::NONE,
                    }
                }
            }
        }
    }

    /// The value of the label `check`.
    pub const fn label(self) -> &'static str {
        self.entry().label
    }

    /// The phases whose durations are kept as histograms: on the way to a server of the node itself there is nothing to
    /// watch for.
    pub const fn measured(self) -> &'static [Phase] {
        match self {
            Self::Imds | Self::AwsCredentials | Self::GceMetadata | Self::AzureImds => &[],
            _ => self.entry().phases,
        }
    }

    /// The check with this label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|check| check.label() == label)
    }
}

impl Phase {
    /// All phases in their order.
    pub const ALL: &'static [Self] = &[
        Self::Resolve,
        Self::Connect,
        Self::Proxy,
        Self::Tls,
        Self::Request,
    ];

    /// The value of the label `phase`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Request => "request",
        }
    }
}

impl Scope {
    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Cluster => "cluster",
        }
    }
}

impl Need {
    /// All needs.
    pub const ALL: &'static [Self] = &[Self::Start, Self::Feature, Self::None];

    /// The value of the label `need`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Feature => "feature",
            Self::None => "none",
        }
    }
}

impl Status {
    /// All statuses.
    pub const ALL: &'static [Self] = &[
        Self::Ok,
        Self::Warning,
        Self::Failing,
        Self::Unknown,
        Self::NotApplicable,
    ];

    /// The value of the label `status`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failing => "failing",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not_applicable",
        }
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
