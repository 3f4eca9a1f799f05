//! Alerts that are inhibited while an alert about their cause fires.

use crate::catalogue::check::CheckId;
use crate::catalogue::mode::{FailureMode, FailureMode as M};
use crate::catalogue::mode_set::{
    AGENT_CLIENT_ERRORS, AGENT_CUT_OFF, AGENT_ONLY, AGENT_UNHEALTHY, APISERVER_DOWN,
    APISERVER_UNAVAILABLE, AWS_CREDENTIALS_UNUSABLE, AWS_IDENTITY_REJECTED, AZURE_IMDS,
    CASTAI_DOWN, CASTAI_UNAVAILABLE, CLOCK_DEPENDENT, DNS, EC2_DENIED, EC2_UNREACHABLE,
    GCE_METADATA, IMAGE_PULL, IMDS, LEADERLESS, LIFECYCLE_UNRESOLVED, LOG_AGENT, LOG_APISERVER,
    LOG_CASTAI, LOG_CLOUD, LOG_NETWORK, NOT_RECEIVED, RESTARTING, STS_UNREACHABLE, TOKEN_REJECTED,
    WORKLOAD,
};

/// Pairs that explain failures of another check: while their alert fires, the alerts of those are
/// inhibited.
#[derive(Debug)]
pub struct Mute {
    /// The check that shows the cause.
    pub check: CheckId,
    /// The modes that are the cause.
    pub modes: &'static [FailureMode],
    /// The check that shows the consequence.
    pub muted: CheckId,
    /// The modes that follow.
    pub muted_modes: &'static [FailureMode],
    /// Whether both must show the same mode.
    pub same_mode: bool,
}

/// Builds a row of [`MUTES`].
const fn mute(
    check: CheckId,
    modes: &'static [FailureMode],
    muted: CheckId,
    muted_modes: &'static [FailureMode],
) -> Mute {
    Mute {
        check,
        modes,
        muted,
        muted_modes,
        same_mode: false,
    }
}

/// Alerts that are redundant while another fires.
pub const MUTES: &[Mute] = &[
    mute(
        CheckId::Clock,
        &[M::ClockSkew],
        CheckId::Apiserver,
        CLOCK_DEPENDENT,
    ),
    mute(
        CheckId::Clock,
        &[M::ClockSkew],
        CheckId::CastaiApi,
        CLOCK_DEPENDENT,
    ),
    // The agent's log repeats what the probes have found.
    mute(
        CheckId::CastaiApi,
        CASTAI_UNAVAILABLE,
        CheckId::AgentLog,
        LOG_CASTAI,
    ),
    mute(
        CheckId::CastaiApi,
        CASTAI_UNAVAILABLE,
        CheckId::AgentLog,
        LOG_NETWORK,
    ),
    mute(
        CheckId::Apiserver,
        APISERVER_UNAVAILABLE,
        CheckId::AgentLog,
        LOG_APISERVER,
    ),
    mute(
        CheckId::Apiserver,
        APISERVER_UNAVAILABLE,
        CheckId::AgentLog,
        LOG_NETWORK,
    ),
    mute(
        CheckId::Apiserver,
        APISERVER_UNAVAILABLE,
        CheckId::AgentHealth,
        AGENT_CLIENT_ERRORS,
    ),
    mute(CheckId::Dns, DNS, CheckId::AgentLog, LOG_NETWORK),
    mute(CheckId::Imds, IMDS, CheckId::AgentLog, LOG_CLOUD),
    mute(
        CheckId::AwsCredentials,
        AWS_CREDENTIALS_UNUSABLE,
        CheckId::AgentLog,
        LOG_CLOUD,
    ),
    mute(
        CheckId::StsIdentity,
        AWS_IDENTITY_REJECTED,
        CheckId::AgentLog,
        LOG_CLOUD,
    ),
    mute(
        CheckId::StsIdentity,
        STS_UNREACHABLE,
        CheckId::AgentLog,
        LOG_CLOUD,
    ),
    mute(
        CheckId::StsIdentity,
        STS_UNREACHABLE,
        CheckId::AgentLog,
        LOG_NETWORK,
    ),
    mute(CheckId::Ec2Api, EC2_DENIED, CheckId::AgentLog, LOG_CLOUD),
    mute(
        CheckId::Ec2Api,
        EC2_UNREACHABLE,
        CheckId::AgentLog,
        LOG_CLOUD,
    ),
    mute(
        CheckId::Ec2Api,
        EC2_UNREACHABLE,
        CheckId::AgentLog,
        LOG_NETWORK,
    ),
    mute(
        CheckId::GceMetadata,
        GCE_METADATA,
        CheckId::AgentLog,
        LOG_CLOUD,
    ),
    mute(CheckId::AzureImds, AZURE_IMDS, CheckId::AgentLog, LOG_CLOUD),
    // An agent that restarts or does not start has closed ports, and its log only repeats why it
    // exited.
    mute(
        CheckId::AgentWorkload,
        WORKLOAD,
        CheckId::AgentHealth,
        AGENT_UNHEALTHY,
    ),
    mute(
        CheckId::AgentWorkload,
        AGENT_ONLY,
        CheckId::AgentHealth,
        AGENT_UNHEALTHY,
    ),
    mute(
        CheckId::AgentWorkload,
        IMAGE_PULL,
        CheckId::AgentHealth,
        AGENT_UNHEALTHY,
    ),
    mute(
        CheckId::AgentWorkload,
        RESTARTING,
        CheckId::AgentLog,
        LOG_NETWORK,
    ),
    mute(
        CheckId::AgentWorkload,
        RESTARTING,
        CheckId::AgentLog,
        LOG_CASTAI,
    ),
    mute(
        CheckId::AgentWorkload,
        RESTARTING,
        CheckId::AgentLog,
        LOG_APISERVER,
    ),
    mute(
        CheckId::AgentWorkload,
        RESTARTING,
        CheckId::AgentLog,
        LOG_CLOUD,
    ),
    mute(
        CheckId::AgentWorkload,
        RESTARTING,
        CheckId::AgentLog,
        LOG_AGENT,
    ),
    mute(
        CheckId::AgentWorkload,
        WORKLOAD,
        CheckId::AgentHealth,
        LEADERLESS,
    ),
    mute(
        CheckId::AgentWorkload,
        AGENT_ONLY,
        CheckId::AgentHealth,
        LEADERLESS,
    ),
    mute(
        CheckId::AgentWorkload,
        IMAGE_PULL,
        CheckId::AgentHealth,
        LEADERLESS,
    ),
    // The reason why the agent's image cannot be pulled affects other images too.
    Mute {
        same_mode: true,
        ..mute(
            CheckId::AgentWorkload,
            IMAGE_PULL,
            CheckId::ImagePull,
            IMAGE_PULL,
        )
    },
    // An agent without connections reports itself unhealthy, restarts, and loses its lease.
    mute(CheckId::Dns, DNS, CheckId::AgentHealth, AGENT_CUT_OFF),
    mute(CheckId::Dns, DNS, CheckId::AgentWorkload, RESTARTING),
    mute(
        CheckId::Apiserver,
        APISERVER_DOWN,
        CheckId::AgentHealth,
        AGENT_CUT_OFF,
    ),
    mute(
        CheckId::Apiserver,
        APISERVER_DOWN,
        CheckId::AgentHealth,
        LEADERLESS,
    ),
    mute(
        CheckId::Apiserver,
        APISERVER_DOWN,
        CheckId::AgentWorkload,
        RESTARTING,
    ),
    mute(
        CheckId::CastaiApi,
        CASTAI_DOWN,
        CheckId::AgentHealth,
        AGENT_CUT_OFF,
    ),
    mute(
        CheckId::CastaiApi,
        CASTAI_DOWN,
        CheckId::AgentWorkload,
        RESTARTING,
    ),
    // CAST AI receives nothing from an agent that does not run or has no connection.
    mute(CheckId::Dns, DNS, CheckId::ClusterStatus, NOT_RECEIVED),
    mute(
        CheckId::Apiserver,
        APISERVER_DOWN,
        CheckId::ClusterStatus,
        NOT_RECEIVED,
    ),
    mute(
        CheckId::CastaiApi,
        CASTAI_DOWN,
        CheckId::ClusterStatus,
        NOT_RECEIVED,
    ),
    mute(
        CheckId::AgentWorkload,
        AGENT_ONLY,
        CheckId::ClusterStatus,
        NOT_RECEIVED,
    ),
    mute(
        CheckId::AgentWorkload,
        WORKLOAD,
        CheckId::ClusterStatus,
        NOT_RECEIVED,
    ),
    mute(
        CheckId::AgentWorkload,
        IMAGE_PULL,
        CheckId::ClusterStatus,
        NOT_RECEIVED,
    ),
    mute(
        CheckId::AgentHealth,
        AGENT_UNHEALTHY,
        CheckId::ClusterStatus,
        NOT_RECEIVED,
    ),
    mute(
        CheckId::AgentHealth,
        LEADERLESS,
        CheckId::ClusterStatus,
        NOT_RECEIVED,
    ),
    // The purchase option is unresolved because EC2 cannot be queried.
    mute(
        CheckId::AwsCredentials,
        AWS_CREDENTIALS_UNUSABLE,
        CheckId::NodeLifecycle,
        LIFECYCLE_UNRESOLVED,
    ),
    mute(
        CheckId::Imds,
        IMDS,
        CheckId::NodeLifecycle,
        LIFECYCLE_UNRESOLVED,
    ),
    mute(
        CheckId::StsIdentity,
        AWS_IDENTITY_REJECTED,
        CheckId::NodeLifecycle,
        LIFECYCLE_UNRESOLVED,
    ),
    mute(
        CheckId::Ec2Api,
        EC2_DENIED,
        CheckId::NodeLifecycle,
        LIFECYCLE_UNRESOLVED,
    ),
    mute(
        CheckId::Ec2Api,
        EC2_UNREACHABLE,
        CheckId::NodeLifecycle,
        LIFECYCLE_UNRESOLVED,
    ),
    // Both tokens come from the same onboarding, or are the same key.
    mute(
        CheckId::CastaiApi,
        TOKEN_REJECTED,
        CheckId::ClusterController,
        TOKEN_REJECTED,
    ),
    mute(
        CheckId::CastaiApi,
        TOKEN_REJECTED,
        CheckId::Components,
        TOKEN_REJECTED,
    ),
    // Some components use the cluster controller's token.
    mute(
        CheckId::ClusterController,
        TOKEN_REJECTED,
        CheckId::Components,
        TOKEN_REJECTED,
    ),
];
