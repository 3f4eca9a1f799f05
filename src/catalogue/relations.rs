//! Relations between (check, mode) pairs: consequences and blocked checks.

use crate::catalogue::check::CheckId;
use crate::catalogue::mode::{FailureMode, FailureMode as M};
use crate::catalogue::mode_set::{
    APISERVER_UNREACHABLE, AWS_CREDENTIALS_UNUSABLE, AWS_IDENTITY_REJECTED, AZURE_IMDS,
    CASTAI_UNAVAILABLE, DNS, GCE_METADATA, IMAGE_PULL, IMDS,
};

/// A (check, mode) that always follows from another check's failure and has no separate alert.
#[derive(Debug)]
pub struct Consequence {
    /// The check that shows the consequence.
    pub check: CheckId,
    /// The check that shows the root cause.
    pub of: CheckId,
    /// The modes that follow.
    pub modes: &'static [FailureMode],
    /// The mode of the root cause, if it differs.
    pub root: Option<FailureMode>,
}

/// A failure during which another check cannot be tested.
#[derive(Debug)]
pub struct Block {
    /// The check that fails.
    pub check: CheckId,
    /// The modes that block.
    pub modes: &'static [FailureMode],
    /// The check that is `unknown` while it is blocked.
    pub blocked: CheckId,
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

/// Failures that only follow from another check's failure.
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

/// Failures that block another check.
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

/// Returns the root cause of a pair; the pair itself if nothing explains it.
pub fn root(check: CheckId, mode: FailureMode) -> (CheckId, FailureMode) {
    CONSEQUENCES
        .iter()
        .find(|consequence| consequence.check == check && consequence.modes.contains(&mode))
        .map_or((check, mode), |consequence| {
            (consequence.of, consequence.root.unwrap_or(mode))
        })
}
