//! How pairs of a check and a mode hang together: which follows from which, which blocks, and which mutes.

use crate::catalogue::check::CheckId;
use crate::catalogue::mode::{FailureMode, FailureMode as M};
use crate::catalogue::mode_set::{
    AGENT_CLIENT_ERRORS, AGENT_CUT_OFF, AGENT_ONLY, AGENT_UNHEALTHY, APISERVER_DOWN,
    APISERVER_UNAVAILABLE, APISERVER_UNREACHABLE, AWS_CREDENTIALS_UNUSABLE, AWS_IDENTITY_REJECTED,
    AZURE_IMDS, CASTAI_DOWN, CASTAI_UNAVAILABLE, CLOCK_DEPENDENT, DNS, EC2_DENIED, EC2_UNREACHABLE,
    GCE_METADATA, IMAGE_PULL, IMDS, LEADERLESS, LIFECYCLE_UNRESOLVED, LOG_AGENT, LOG_APISERVER,
    LOG_CASTAI, LOG_CLOUD, LOG_NETWORK, NOT_RECEIVED, RESTARTING, STS_UNREACHABLE, TOKEN_REJECTED,
    WORKLOAD,
};

/// A (check, mode) that is only a consequence of another and has no alert of its own.
#[derive(Debug)]
pub struct Consequence {
    /// The check that shows the consequence.
    pub check: CheckId,
    /// The check that holds the root.
    pub of: CheckId,
    /// The modes for which this is so.
    pub modes: &'static [FailureMode],
    /// The root's mode, where it is another one.
    pub root: Option<FailureMode>,
}

/// A (check, mode) that makes it pointless to ask another check.
#[derive(Debug)]
pub struct Block {
    /// The check that fails.
    pub check: CheckId,
    /// In these modes.
    pub modes: &'static [FailureMode],
    /// The check that then is `unknown`.
    pub blocked: CheckId,
}

/// Pairs that explain the trouble of another check in other modes: while their alert fires, that of the others is muted.
#[derive(Debug)]
pub struct Mute {
    /// The check that holds the cause.
    pub check: CheckId,
    /// In these modes.
    pub modes: &'static [FailureMode],
    /// The check that shows what follows.
    pub muted: CheckId,
    /// In these modes.
    pub muted_modes: &'static [FailureMode],
    /// Only where both are in the same mode.
    pub same_mode: bool,
}

/// Builds a row of [`CONSEQUENCES`] in which both checks show the same mode.
const fn consequence(check: CheckId, of: CheckId, modes: &'static [FailureMode]) -> Consequence {
    Consequence {
        check,
        of,
        modes,
        root: None,
    }
}

/// Which pairs only follow from another check's trouble.
pub const CONSEQUENCES: &[Consequence] = &[
    consequence(CheckId::Apiserver, CheckId::Dns, DNS),
    consequence(CheckId::CastaiApi, CheckId::Dns, DNS),
    consequence(CheckId::StsIdentity, CheckId::Dns, DNS),
    consequence(CheckId::Ec2Api, CheckId::Dns, DNS),
    consequence(CheckId::AwsCredentials, CheckId::Imds, IMDS),
    Consequence {
        check: CheckId::Ec2Api,
        of: CheckId::ClusterMetadata,
        modes: &[M::Ec2RegionWrong],
        root: Some(M::MetadataRegionMismatch),
    },
    consequence(CheckId::ClusterController, CheckId::ImagePull, IMAGE_PULL),
    consequence(CheckId::Components, CheckId::ImagePull, IMAGE_PULL),
];

/// Builds a row of [`BLOCKS`].
const fn block(check: CheckId, modes: &'static [FailureMode], blocked: CheckId) -> Block {
    Block {
        check,
        modes,
        blocked,
    }
}

/// Which pairs make it pointless to ask a dependent check.
pub const BLOCKS: &[Block] = &[
    block(CheckId::Imds, IMDS, CheckId::ClusterMetadata),
    block(
        CheckId::AwsCredentials,
        AWS_CREDENTIALS_UNUSABLE,
        CheckId::StsIdentity,
    ),
    block(CheckId::AwsCredentials, IMDS, CheckId::StsIdentity),
    block(
        CheckId::AwsCredentials,
        AWS_CREDENTIALS_UNUSABLE,
        CheckId::Ec2Api,
    ),
    block(CheckId::AwsCredentials, IMDS, CheckId::Ec2Api),
    block(CheckId::StsIdentity, AWS_IDENTITY_REJECTED, CheckId::Ec2Api),
    block(
        CheckId::CastaiApi,
        CASTAI_UNAVAILABLE,
        CheckId::ClusterStatus,
    ),
    block(CheckId::CastaiApi, DNS, CheckId::ClusterStatus),
    block(CheckId::GceMetadata, GCE_METADATA, CheckId::ClusterMetadata),
    block(CheckId::AzureImds, AZURE_IMDS, CheckId::ClusterMetadata),
    block(
        CheckId::Apiserver,
        APISERVER_UNREACHABLE,
        CheckId::AgentWorkload,
    ),
    block(
        CheckId::Apiserver,
        APISERVER_UNREACHABLE,
        CheckId::AgentUpgrade,
    ),
    block(
        CheckId::Apiserver,
        APISERVER_UNREACHABLE,
        CheckId::ClusterController,
    ),
    block(
        CheckId::Apiserver,
        APISERVER_UNREACHABLE,
        CheckId::Components,
    ),
    block(
        CheckId::Apiserver,
        APISERVER_UNREACHABLE,
        CheckId::ImagePull,
    ),
    block(
        CheckId::Apiserver,
        APISERVER_UNREACHABLE,
        CheckId::NodeLifecycle,
    ),
];

/// A row of [`MUTES`].
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

/// Which alerts say nothing new while another fires.
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
    // An agent that ends again and again, or does not start, has closed ports, and its log only says why it ended.
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
    // What keeps the agent waiting for its image keeps others waiting for theirs.
    Mute {
        same_mode: true,
        ..mute(
            CheckId::AgentWorkload,
            IMAGE_PULL,
            CheckId::ImagePull,
            IMAGE_PULL,
        )
    },
    // An agent that reaches nobody says so, ends for it again and again, and loses its lease.
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
    // CAST AI hears nothing of an agent that does not run, or reaches nobody.
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
    // Nodes cannot be resolved because EC2 cannot be asked.
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
    // The same key, or the same onboarding that made both invalid.
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

/// The pair that a pair follows from; itself when it is a root.
pub fn root(check: CheckId, mode: FailureMode) -> (CheckId, FailureMode) {
    CONSEQUENCES
        .iter()
        .find(|consequence| consequence.check == check && consequence.modes.contains(&mode))
        .map_or((check, mode), |consequence| {
            (consequence.of, consequence.root.unwrap_or(mode))
        })
}
