//! The groups in which views list the checks.

use crate::catalogue::check::CheckId;

/// The system that a check is about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CheckGroup {
    /// Name resolution and time, on which everything else relies.
    Network,
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    GoogleCloud,
    /// Microsoft Azure.
    Azure,
    /// The cluster.
    Kubernetes,
    /// CAST AI's API and its other components.
    CastAi,
    /// The agent itself.
    Agent,
}

impl CheckGroup {
    /// All groups, in the order in which views list them.
    pub const ALL: &'static [Self] = &[
        Self::Network,
        Self::Aws,
        Self::GoogleCloud,
        Self::Azure,
        Self::Kubernetes,
        Self::CastAi,
        Self::Agent,
    ];

    /// Returns the value of `group` in JSON.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Aws => "aws",
            Self::GoogleCloud => "google_cloud",
            Self::Azure => "azure",
            Self::Kubernetes => "kubernetes",
            Self::CastAi => "cast_ai",
            Self::Agent => "agent",
        }
    }

    /// Returns the name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Network => "Network",
            Self::Aws => "AWS",
            Self::GoogleCloud => "Google Cloud",
            Self::Azure => "Azure",
            Self::Kubernetes => "Kubernetes",
            Self::CastAi => "CAST AI",
            Self::Agent => "Agent",
        }
    }
}

impl CheckId {
    /// Returns the group in which views list this check.
    pub const fn group(self) -> CheckGroup {
        match self {
            Self::Dns | Self::Clock => CheckGroup::Network,
            Self::Imds | Self::AwsCredentials | Self::StsIdentity | Self::Ec2Api => CheckGroup::Aws,
            Self::GceMetadata => CheckGroup::GoogleCloud,
            Self::AzureImds => CheckGroup::Azure,
            Self::Apiserver | Self::ControlPlaneAccess | Self::ImagePull | Self::NodeLifecycle => {
                CheckGroup::Kubernetes
            }
            Self::CastaiApi | Self::ClusterStatus | Self::ClusterController | Self::Components => {
                CheckGroup::CastAi
            }
            Self::ClusterMetadata
            | Self::AgentWorkload
            | Self::AgentUpgrade
            | Self::AgentHealth
            | Self::AgentLog
            | Self::AgentPermissions => CheckGroup::Agent,
        }
    }
}
