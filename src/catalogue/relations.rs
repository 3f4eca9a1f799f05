//! How pairs of a check and a mode hang together: which follows from which, which blocks, and which mutes.

use crate::catalogue::checks::Check;
use crate::catalogue::groups::{
    APISERVER_LASTING, APISERVER_MODES, AWS_TRANSPORT_MODES, AZURE_IMDS_MODES, CASTAI_LASTING,
    CASTAI_MODES, CREDENTIALS_MODES, DNS_MODES, EC2_MODES, EC2_TRANSPORT_MODES, ENDING_MODES,
    GCE_MODES, HEALTH_MODES, IDENTITY_MODES, IMAGE_MODES, IMDS_MODES, LEADER_MODES, LOG_CASTAI,
    LOG_CLOUD, LOG_KUBERNETES, LOG_NETWORK, LOG_OWN, MET_MODES, NO_AGENT, REFUSED_MODES,
    SEEMING_DATES, UNHEARD, UNRESOLVED, UNWELL, WAY_MODES, WORKLOAD_MODES,
};
use crate::catalogue::modes::{FailureMode, FailureMode as M};

/// A (check, mode) that is only a consequence of another and has no alert of its own.
#[derive(Debug)]
pub struct Consequence {
    /// The check that shows the consequence.
    pub check: Check,
    /// The check that holds the root.
    pub of: Check,
    /// The modes for which this is so.
    pub modes: &'static [FailureMode],
    /// The root's mode, where it is another one.
    pub root: Option<FailureMode>,
}

/// A (check, mode) that makes it pointless to ask another check.
#[derive(Debug)]
pub struct Block {
    /// The check that fails.
    pub check: Check,
    /// In these modes.
    pub modes: &'static [FailureMode],
    /// The check that then is `unknown`.
    pub blocked: Check,
}

/// Pairs that explain the trouble of another check in other modes: while their alert fires, that of the others is muted.
#[derive(Debug)]
pub struct Mute {
    /// The check that holds the cause.
    pub check: Check,
    /// In these modes.
    pub modes: &'static [FailureMode],
    /// The check that shows what follows.
    pub muted: Check,
    /// In these modes.
    pub muted_modes: &'static [FailureMode],
    /// Only where both are in the same mode.
    pub same_mode: bool,
}

/// Which pairs only follow from another check's trouble.
pub const CONSEQUENCES: &[Consequence] = &[
    Consequence {
        check: Check::Apiserver,
        of: Check::Dns,
        modes: DNS_MODES,
        root: None,
    },
    Consequence {
        check: Check::CastaiApi,
        of: Check::Dns,
        modes: DNS_MODES,
        root: None,
    },
    Consequence {
        check: Check::StsIdentity,
        of: Check::Dns,
        modes: DNS_MODES,
        root: None,
    },
    Consequence {
        check: Check::Ec2Api,
        of: Check::Dns,
        modes: DNS_MODES,
        root: None,
    },
    Consequence {
        check: Check::AwsCredentials,
        of: Check::Imds,
        modes: IMDS_MODES,
        root: None,
    },
    Consequence {
        check: Check::Ec2Api,
        of: Check::ClusterMetadata,
        modes: &[M::Ec2RegionWrong],
        root: Some(M::MetadataRegionMismatch),
    },
    Consequence {
        check: Check::ClusterController,
        of: Check::ImagePull,
        modes: IMAGE_MODES,
        root: None,
    },
    Consequence {
        check: Check::Components,
        of: Check::ImagePull,
        modes: IMAGE_MODES,
        root: None,
    },
];

/// Which pairs make it pointless to ask a dependent check.
pub const BLOCKS: &[Block] = &[
    Block {
        check: Check::Imds,
        modes: IMDS_MODES,
        blocked: Check::ClusterMetadata,
    },
    Block {
        check: Check::AwsCredentials,
        modes: CREDENTIALS_MODES,
        blocked: Check::StsIdentity,
    },
    Block {
        check: Check::AwsCredentials,
        modes: IMDS_MODES,
        blocked: Check::StsIdentity,
    },
    Block {
        check: Check::AwsCredentials,
        modes: CREDENTIALS_MODES,
        blocked: Check::Ec2Api,
    },
    Block {
        check: Check::AwsCredentials,
        modes: IMDS_MODES,
        blocked: Check::Ec2Api,
    },
    Block {
        check: Check::StsIdentity,
        modes: IDENTITY_MODES,
        blocked: Check::Ec2Api,
    },
    Block {
        check: Check::CastaiApi,
        modes: CASTAI_MODES,
        blocked: Check::ClusterStatus,
    },
    Block {
        check: Check::CastaiApi,
        modes: DNS_MODES,
        blocked: Check::ClusterStatus,
    },
    Block {
        check: Check::GceMetadata,
        modes: GCE_MODES,
        blocked: Check::ClusterMetadata,
    },
    Block {
        check: Check::AzureImds,
        modes: AZURE_IMDS_MODES,
        blocked: Check::ClusterMetadata,
    },
    Block {
        check: Check::Apiserver,
        modes: WAY_MODES,
        blocked: Check::AgentWorkload,
    },
    Block {
        check: Check::Apiserver,
        modes: WAY_MODES,
        blocked: Check::AgentUpgrade,
    },
    Block {
        check: Check::Apiserver,
        modes: WAY_MODES,
        blocked: Check::ClusterController,
    },
    Block {
        check: Check::Apiserver,
        modes: WAY_MODES,
        blocked: Check::Components,
    },
    Block {
        check: Check::Apiserver,
        modes: WAY_MODES,
        blocked: Check::ImagePull,
    },
    Block {
        check: Check::Apiserver,
        modes: WAY_MODES,
        blocked: Check::NodeLifecycle,
    },
];

/// A row of [`MUTES`].
const fn mute(
    check: Check,
    modes: &'static [FailureMode],
    muted: Check,
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
        Check::Clock,
        &[M::ClockSkew],
        Check::Apiserver,
        SEEMING_DATES,
    ),
    mute(
        Check::Clock,
        &[M::ClockSkew],
        Check::CastaiApi,
        SEEMING_DATES,
    ),
    // The agent's log repeats what the probes have found.
    mute(Check::CastaiApi, CASTAI_MODES, Check::AgentLog, LOG_CASTAI),
    mute(Check::CastaiApi, CASTAI_MODES, Check::AgentLog, LOG_NETWORK),
    mute(
        Check::Apiserver,
        APISERVER_MODES,
        Check::AgentLog,
        LOG_KUBERNETES,
    ),
    mute(
        Check::Apiserver,
        APISERVER_MODES,
        Check::AgentLog,
        LOG_NETWORK,
    ),
    mute(
        Check::Apiserver,
        APISERVER_MODES,
        Check::AgentHealth,
        MET_MODES,
    ),
    mute(Check::Dns, DNS_MODES, Check::AgentLog, LOG_NETWORK),
    mute(Check::Imds, IMDS_MODES, Check::AgentLog, LOG_CLOUD),
    mute(
        Check::AwsCredentials,
        CREDENTIALS_MODES,
        Check::AgentLog,
        LOG_CLOUD,
    ),
    mute(
        Check::StsIdentity,
        IDENTITY_MODES,
        Check::AgentLog,
        LOG_CLOUD,
    ),
    mute(
        Check::StsIdentity,
        AWS_TRANSPORT_MODES,
        Check::AgentLog,
        LOG_CLOUD,
    ),
    mute(
        Check::StsIdentity,
        AWS_TRANSPORT_MODES,
        Check::AgentLog,
        LOG_NETWORK,
    ),
    mute(Check::Ec2Api, EC2_MODES, Check::AgentLog, LOG_CLOUD),
    mute(
        Check::Ec2Api,
        EC2_TRANSPORT_MODES,
        Check::AgentLog,
        LOG_CLOUD,
    ),
    mute(
        Check::Ec2Api,
        EC2_TRANSPORT_MODES,
        Check::AgentLog,
        LOG_NETWORK,
    ),
    mute(Check::GceMetadata, GCE_MODES, Check::AgentLog, LOG_CLOUD),
    mute(
        Check::AzureImds,
        AZURE_IMDS_MODES,
        Check::AgentLog,
        LOG_CLOUD,
    ),
    // An agent that ends again and again, or does not start, has closed ports, and its log only says why it ended.
    mute(
        Check::AgentWorkload,
        WORKLOAD_MODES,
        Check::AgentHealth,
        HEALTH_MODES,
    ),
    mute(
        Check::AgentWorkload,
        NO_AGENT,
        Check::AgentHealth,
        HEALTH_MODES,
    ),
    mute(
        Check::AgentWorkload,
        IMAGE_MODES,
        Check::AgentHealth,
        HEALTH_MODES,
    ),
    mute(
        Check::AgentWorkload,
        ENDING_MODES,
        Check::AgentLog,
        LOG_NETWORK,
    ),
    mute(
        Check::AgentWorkload,
        ENDING_MODES,
        Check::AgentLog,
        LOG_CASTAI,
    ),
    mute(
        Check::AgentWorkload,
        ENDING_MODES,
        Check::AgentLog,
        LOG_KUBERNETES,
    ),
    mute(
        Check::AgentWorkload,
        ENDING_MODES,
        Check::AgentLog,
        LOG_CLOUD,
    ),
    mute(Check::AgentWorkload, ENDING_MODES, Check::AgentLog, LOG_OWN),
    mute(
        Check::AgentWorkload,
        WORKLOAD_MODES,
        Check::AgentHealth,
        LEADER_MODES,
    ),
    mute(
        Check::AgentWorkload,
        NO_AGENT,
        Check::AgentHealth,
        LEADER_MODES,
    ),
    mute(
        Check::AgentWorkload,
        IMAGE_MODES,
        Check::AgentHealth,
        LEADER_MODES,
    ),
    // What keeps the agent waiting for its image keeps others waiting for theirs.
    Mute {
        same_mode: true,
        ..mute(
            Check::AgentWorkload,
            IMAGE_MODES,
            Check::ImagePull,
            IMAGE_MODES,
        )
    },
    // An agent that reaches nobody says so, ends for it again and again, and loses its lease.
    mute(Check::Dns, DNS_MODES, Check::AgentHealth, UNWELL),
    mute(Check::Dns, DNS_MODES, Check::AgentWorkload, ENDING_MODES),
    mute(
        Check::Apiserver,
        APISERVER_LASTING,
        Check::AgentHealth,
        UNWELL,
    ),
    mute(
        Check::Apiserver,
        APISERVER_LASTING,
        Check::AgentHealth,
        LEADER_MODES,
    ),
    mute(
        Check::Apiserver,
        APISERVER_LASTING,
        Check::AgentWorkload,
        ENDING_MODES,
    ),
    mute(Check::CastaiApi, CASTAI_LASTING, Check::AgentHealth, UNWELL),
    mute(
        Check::CastaiApi,
        CASTAI_LASTING,
        Check::AgentWorkload,
        ENDING_MODES,
    ),
    // CAST AI hears nothing of an agent that does not run, or reaches nobody.
    mute(Check::Dns, DNS_MODES, Check::ClusterStatus, UNHEARD),
    mute(
        Check::Apiserver,
        APISERVER_LASTING,
        Check::ClusterStatus,
        UNHEARD,
    ),
    mute(
        Check::CastaiApi,
        CASTAI_LASTING,
        Check::ClusterStatus,
        UNHEARD,
    ),
    mute(
        Check::AgentWorkload,
        NO_AGENT,
        Check::ClusterStatus,
        UNHEARD,
    ),
    mute(
        Check::AgentWorkload,
        WORKLOAD_MODES,
        Check::ClusterStatus,
        UNHEARD,
    ),
    mute(
        Check::AgentWorkload,
        IMAGE_MODES,
        Check::ClusterStatus,
        UNHEARD,
    ),
    mute(
        Check::AgentHealth,
        HEALTH_MODES,
        Check::ClusterStatus,
        UNHEARD,
    ),
    mute(
        Check::AgentHealth,
        LEADER_MODES,
        Check::ClusterStatus,
        UNHEARD,
    ),
    // Nodes cannot be resolved because EC2 cannot be asked.
    mute(
        Check::AwsCredentials,
        CREDENTIALS_MODES,
        Check::NodeLifecycle,
        UNRESOLVED,
    ),
    mute(Check::Imds, IMDS_MODES, Check::NodeLifecycle, UNRESOLVED),
    mute(
        Check::StsIdentity,
        IDENTITY_MODES,
        Check::NodeLifecycle,
        UNRESOLVED,
    ),
    mute(Check::Ec2Api, EC2_MODES, Check::NodeLifecycle, UNRESOLVED),
    mute(
        Check::Ec2Api,
        EC2_TRANSPORT_MODES,
        Check::NodeLifecycle,
        UNRESOLVED,
    ),
    // The same key, or the same onboarding that made both invalid.
    mute(
        Check::CastaiApi,
        REFUSED_MODES,
        Check::ClusterController,
        REFUSED_MODES,
    ),
    mute(
        Check::CastaiApi,
        REFUSED_MODES,
        Check::Components,
        REFUSED_MODES,
    ),
    // Some components use the cluster controller's token.
    mute(
        Check::ClusterController,
        REFUSED_MODES,
        Check::Components,
        REFUSED_MODES,
    ),
];

/// The pair that a pair follows from; itself when it is a root.
pub fn root(check: Check, mode: FailureMode) -> (Check, FailureMode) {
    CONSEQUENCES
        .iter()
        .find(|consequence| consequence.check == check && consequence.modes.contains(&mode))
        .map_or((check, mode), |consequence| {
            (consequence.of, consequence.root.unwrap_or(mode))
        })
}
