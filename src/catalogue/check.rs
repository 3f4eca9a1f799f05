//! The checks and the vocabulary that describes them: scope, need and status.

use std::fmt;
use std::time::Duration;

use crate::catalogue::phase::Phase;
use crate::catalogue::timeouts::Timeouts;

/// Where the result of a check applies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// This pod: its network, its credentials, its node.
    Pod,
    /// The whole cluster; one exporter is enough.
    Cluster,
}

/// The agent's need for a check; decides severity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// The agent cannot work without it.
    Start,
    /// Some feature is degraded without it.
    Feature,
    /// The agent does not use it in its present configuration.
    None,
}

/// The kind of a verdict, as it appears in the label `status` and in JSON.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Status {
    /// Tested, and works as the agent needs it.
    Ok,
    /// Advice, or a fault that the agent survives.
    Warning,
    /// The agent cannot use it.
    Failing,
    /// Not tested yet, or could not be determined.
    Unknown,
    /// Does not apply here.
    NotApplicable,
}

/// The published row of a check.
#[derive(Debug)]
pub struct CheckEntry {
    /// The value of the label `check`.
    pub label: &'static str,
    /// The question it answers.
    pub question: &'static str,
    /// Where its result applies.
    pub scope: Scope,
    /// Default time between two attempts.
    pub interval: Duration,
    /// Checks that run first, because it reads their result or they can block it.
    pub prerequisites: &'static [CheckId],
    /// The phases with published durations.
    pub phases: &'static [Phase],
    /// The agent's timeouts for this target.
    pub timeouts: Timeouts,
}

impl CheckEntry {
    /// Returns whether the check measures no target: its verdict follows from those of its
    /// prerequisites and from the objects of the cluster, so it can change whenever they do.
    pub fn is_derived(&self) -> bool {
        self.phases.is_empty() && self.timeouts == Timeouts::NONE
    }
}

const NO_PHASES: &[Phase] = &[];
const PLAIN_HTTP: &[Phase] = &[Phase::Resolve, Phase::Connect, Phase::Request];
const PLAIN_HTTP_BY_ADDRESS: &[Phase] = &[Phase::Connect, Phase::Request];

macro_rules! checks {
    ($( #[doc = $doc:literal] $check:ident = $label:literal {
        question: $question:literal,
        scope: $scope:ident,
        interval: $interval:expr,
        prerequisites: [$($prerequisite:ident),*],
        phases: $phases:expr,
        timeouts: $timeouts:ident,
    } )+) => {
        /// One dependency or condition that is tested continuously.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum CheckId { $( #[doc = $doc] $check, )+ }

        impl CheckId {
            /// All checks, prerequisites before the checks that need them.
            pub const ALL: &'static [Self] = &[$(Self::$check),+];

            /// Returns the published row of this check.
            pub const fn entry(self) -> &'static CheckEntry {
                match self {$(
                    Self::$check => const { &CheckEntry {
                        label: $label,
                        question: $question,
                        scope: Scope::$scope,
                        interval: $interval,
                        prerequisites: &[$(Self::$prerequisite),*],
                        phases: $phases,
                        timeouts: Timeouts::$timeouts,
                    } },
                )+}
            }
        }
    };
}

checks! {
    /// Name resolution.
    Dns = "dns" {
        question: "Do the names that the agent needs resolve through the pod's own resolver?",
        scope: Pod,
        interval: Duration::from_secs(15),
        prerequisites: [],
        phases: &[Phase::Resolve],
        timeouts: DNS,
    }
    /// The Kubernetes API server.
    Apiserver = "apiserver" {
        question: "Can the agent's service account reach and use the Kubernetes API server?",
        scope: Pod,
        interval: Duration::from_secs(15),
        prerequisites: [],
        phases: Phase::ALL,
        timeouts: APISERVER,
    }
    /// CAST AI's API.
    CastaiApi = "castai_api" {
        question: "Is the CAST AI API reachable, and does it accept the agent's API key?",
        scope: Pod,
        interval: Duration::from_secs(15),
        prerequisites: [],
        phases: Phase::ALL,
        timeouts: CASTAI_API,
    }
    /// The EC2 instance metadata service.
    Imds = "imds" {
        question: "Does the EC2 instance metadata service return what the agent needs?",
        scope: Pod,
        interval: Duration::from_secs(20),
        prerequisites: [],
        phases: PLAIN_HTTP_BY_ADDRESS,
        timeouts: IMDS,
    }
    /// The source of the agent's AWS credentials.
    AwsCredentials = "aws_credentials" {
        question: "Which AWS credentials does the agent use, and are they present, readable and fresh?",
        scope: Pod,
        interval: Duration::from_secs(20),
        prerequisites: [Apiserver, Imds],
        phases: PLAIN_HTTP_BY_ADDRESS,
        timeouts: CREDENTIALS,
    }
    /// Google Cloud's metadata server.
    GceMetadata = "gce_metadata" {
        question: "Does the Google Cloud metadata server return the cluster details that the agent is not configured with?",
        scope: Pod,
        interval: Duration::from_secs(20),
        prerequisites: [],
        phases: PLAIN_HTTP,
        timeouts: GCE_METADATA,
    }
    /// Azure's instance metadata service.
    AzureImds = "azure_imds" {
        question: "Does the Azure instance metadata service return the cluster details that the agent is not configured with?",
        scope: Pod,
        interval: Duration::from_secs(20),
        prerequisites: [],
        phases: PLAIN_HTTP,
        timeouts: AZURE_IMDS,
    }
    /// The agent's identity at AWS.
    StsIdentity = "sts_identity" {
        question: "Does AWS accept the agent's credentials, and which identity do they belong to?",
        scope: Pod,
        interval: Duration::from_secs(20),
        prerequisites: [Imds, AwsCredentials],
        phases: Phase::ALL,
        timeouts: AWS,
    }
    /// The EC2 API.
    Ec2Api = "ec2_api" {
        question: "Can the agent describe instances in EC2, and does it see the cluster's instances?",
        scope: Pod,
        interval: Duration::from_secs(20),
        prerequisites: [Imds, AwsCredentials, StsIdentity],
        phases: Phase::ALL,
        timeouts: AWS,
    }
    /// The cluster's account, region and name.
    ClusterMetadata = "cluster_metadata" {
        question: "Does the agent know the cluster's account, region and name?",
        scope: Pod,
        interval: Duration::from_secs(20),
        prerequisites: [Imds, Ec2Api, GceMetadata, AzureImds],
        phases: NO_PHASES,
        timeouts: NONE,
    }
    /// CAST AI's access to the control plane.
    ControlPlaneAccess = "control_plane_access" {
        question: "Can CAST AI's IP addresses reach the control plane?",
        scope: Cluster,
        interval: Duration::from_mins(10),
        prerequisites: [StsIdentity, Ec2Api],
        phases: NO_PHASES,
        timeouts: NONE,
    }
    /// The agent's Deployment and pods.
    AgentWorkload = "agent_workload" {
        question: "Is the agent installed, and are its pods running?",
        scope: Cluster,
        interval: Duration::from_secs(15),
        prerequisites: [Apiserver],
        phases: NO_PHASES,
        timeouts: NONE,
    }
    /// The agent's next upgrade.
    AgentUpgrade = "agent_upgrade" {
        question: "Is the agent up to date, and would its next upgrade succeed?",
        scope: Cluster,
        interval: Duration::from_secs(15),
        prerequisites: [Apiserver, CastaiApi],
        phases: NO_PHASES,
        timeouts: CASTAI_API,
    }
    /// CAST AI's cluster controller.
    ClusterController = "cluster_controller" {
        question: "If the CAST AI cluster controller is installed, is it running?",
        scope: Cluster,
        interval: Duration::from_secs(15),
        prerequisites: [Apiserver],
        phases: NO_PHASES,
        timeouts: NONE,
    }
    /// CAST AI's other components.
    Components = "components" {
        question: "If other CAST AI components are installed, are they running?",
        scope: Cluster,
        interval: Duration::from_secs(15),
        prerequisites: [Apiserver],
        phases: NO_PHASES,
        timeouts: NONE,
    }
    /// Image pulls of all pods.
    ImagePull = "image_pull" {
        question: "Can the pods in this cluster pull their images?",
        scope: Cluster,
        interval: Duration::from_secs(15),
        prerequisites: [Apiserver, ControlPlaneAccess, AgentWorkload],
        phases: NO_PHASES,
        timeouts: NONE,
    }
    /// The purchase option of the nodes.
    NodeLifecycle = "node_lifecycle" {
        question: "Can the agent determine which nodes are spot instances?",
        scope: Cluster,
        interval: Duration::from_secs(15),
        prerequisites: [Apiserver, AwsCredentials, StsIdentity, Ec2Api],
        phases: NO_PHASES,
        timeouts: NONE,
    }
    /// The node's clock.
    Clock = "clock" {
        question: "Does this node's clock agree with the servers that the agent talks to?",
        scope: Pod,
        interval: Duration::from_secs(15),
        prerequisites: [Apiserver, CastaiApi, StsIdentity],
        phases: NO_PHASES,
        timeouts: NONE,
    }
    /// The cluster's status at CAST AI.
    ClusterStatus = "cluster_status" {
        question: "Does CAST AI report the cluster as connected, and can it manage the cluster?",
        scope: Cluster,
        interval: Duration::from_secs(30),
        prerequisites: [Apiserver, CastaiApi],
        phases: NO_PHASES,
        timeouts: CASTAI_API,
    }
    /// The agent's health endpoint and leader election.
    AgentHealth = "agent_health" {
        question: "Does the agent report itself healthy, and is one instance the leader?",
        scope: Pod,
        interval: Duration::from_secs(15),
        prerequisites: [AgentWorkload],
        phases: NO_PHASES,
        timeouts: AGENT,
    }
    /// The permissions of the agent's service account.
    AgentPermissions = "agent_permissions" {
        question: "Does the agent's service account have the permissions that the agent needs?",
        scope: Cluster,
        interval: Duration::from_secs(30),
        prerequisites: [Apiserver, AgentWorkload, AgentHealth],
        phases: NO_PHASES,
        timeouts: NONE,
    }
    /// The agent's log.
    AgentLog = "agent_log" {
        question: "Which failures does the agent's own log report?",
        scope: Cluster,
        interval: Duration::from_secs(15),
        prerequisites: [Apiserver, AgentWorkload, AgentPermissions],
        phases: NO_PHASES,
        timeouts: NONE,
    }
}

impl CheckId {
    /// Returns the value of the label `check`.
    pub const fn label(self) -> &'static str {
        self.entry().label
    }

    /// Returns the phases with a duration histogram: none for servers on the node itself, to save
    /// series.
    pub const fn histogram_phases(self) -> &'static [Phase] {
        match self {
            Self::Imds | Self::AwsCredentials | Self::GceMetadata | Self::AzureImds => &[],
            _ => self.entry().phases,
        }
    }

    /// Returns the check with this label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|check| check.label() == label)
    }
}

impl Scope {
    /// Returns the name as published in the catalogue.
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

    /// Returns the value of the label `need`.
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

    /// Returns the value of the label `status`.
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

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
