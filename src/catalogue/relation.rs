//! The one table of relations between failures: which failure explains or blocks which check.

use crate::catalogue::check::CheckId;
use crate::catalogue::mode::{FailureMode, FailureMode as M};
use crate::catalogue::mode_set::{
    AGENT_CLIENT_ERRORS, AGENT_CUT_OFF, AGENT_ONLY, AGENT_UNHEALTHY, APISERVER_DOWN,
    APISERVER_UNAVAILABLE, APISERVER_UNREACHABLE, APISERVER_UNUSABLE, AWS_CREDENTIALS_UNUSABLE,
    AWS_IDENTITY_REJECTED, AZURE_IMDS, CASTAI_DOWN, CASTAI_UNAVAILABLE, CLIENT_FORBIDDEN,
    CLOCK_DEPENDENT, DNS, EC2_DENIED, EC2_ERRORS, EC2_UNREACHABLE, FORBIDDEN, GCE_METADATA,
    IMAGE_PULL, IMDS, INTERCEPTED, LEADERLESS, LIFECYCLE_UNRESOLVED, LOG_AGENT, LOG_APISERVER,
    LOG_CASTAI, LOG_CLOUD, LOG_FORBIDDEN, LOG_NETWORK, NAMESPACE_WIDE, NOT_RECEIVED, RESTARTING,
    STS_ERRORS, STS_UNREACHABLE, TOKEN_REJECTED, WORKLOAD, is_on_path, modes_where,
};

/// The effect of a failure on another check.
#[derive(Clone, Copy, Debug)]
pub enum Effect {
    /// The other check shows one of these modes.
    Fails(&'static [FailureMode]),
    /// The other check shows the same mode, which is in the list of causes.
    FailsAlike,
    /// The other check cannot be tested and is `unknown`.
    Blocks,
}

/// A failure of one check that explains another check's failure, or blocks that check.
#[derive(Clone, Copy, Debug)]
pub struct Relation {
    /// The check that shows the cause.
    pub cause: CheckId,
    /// The modes that are the cause.
    pub modes: &'static [FailureMode],
    /// The check that is affected.
    pub affected: CheckId,
    /// The effect on that check.
    pub effect: Effect,
    /// Whether a cause of lower severity explains a failure of higher severity too.
    pub at_any_severity: bool,
}

impl Relation {
    /// Returns whether the cause in this mode explains the affected check's mode.
    pub fn explains(&self, cause: FailureMode, affected: FailureMode) -> bool {
        self.modes.contains(&cause)
            && match self.effect {
                Effect::Fails(modes) => modes.contains(&affected),
                Effect::FailsAlike => cause == affected,
                Effect::Blocks => false,
            }
    }

    /// Returns whether the cause in one of its modes explains this mode of the affected check.
    pub fn can_explain(&self, affected: FailureMode) -> bool {
        match self.effect {
            Effect::Fails(modes) => modes.contains(&affected),
            Effect::FailsAlike => self.modes.contains(&affected),
            Effect::Blocks => false,
        }
    }
}

/// Collects the modes that two checks show alike if their connections share a path.
macro_rules! on_path {
    ($cause:ident, $affected:ident) => {
        modes_where!(CheckId::$cause, |mode| {
            is_on_path(mode) && mode.shown_by(CheckId::$affected)
        })
    };
}

/// Builds the rows of a table: `cause modes => affected effect`.
macro_rules! relations {
    ($( $cause:ident $modes:expr => $affected:ident $effect:ident $( ($followers:expr) )? $( , $any:ident )?; )+) => {
        &[$( Relation {
            cause: CheckId::$cause,
            modes: $modes,
            affected: CheckId::$affected,
            effect: Effect::$effect $( ($followers) )?,
            at_any_severity: relations!(@any $( $any )?),
        } ),+]
    };
    (@any at_any_severity) => { true };
    (@any) => { false };
}

/// All relations. Of several that explain a failure, the one with the most severe cause does, then
/// the first.
pub const RELATIONS: &[Relation] = relations! {
    // A wrong clock makes valid certificates look invalid.
    Clock &[M::ClockSkew] => Apiserver Fails(CLOCK_DEPENDENT), at_any_severity;
    Clock &[M::ClockSkew] => CastaiApi Fails(CLOCK_DEPENDENT), at_any_severity;

    // All names are resolved by the same resolver.
    Dns DNS => Apiserver Fails(DNS);
    Dns DNS => CastaiApi Fails(DNS);
    Dns DNS => StsIdentity Fails(DNS);
    Dns DNS => Ec2Api Fails(DNS);
    Dns DNS => AgentLog Fails(LOG_NETWORK);
    Dns DNS => AgentHealth Fails(AGENT_CUT_OFF);
    Dns DNS => AgentWorkload Fails(RESTARTING);
    Dns DNS => ClusterStatus Fails(NOT_RECEIVED);

    // The same failure at several servers has one cause on the network path: a proxy, a firewall,
    // an intercepting CA. The check that the agent needs most is the root.
    Apiserver on_path!(Apiserver, CastaiApi) => CastaiApi FailsAlike;
    Apiserver on_path!(Apiserver, StsIdentity) => StsIdentity FailsAlike;
    Apiserver on_path!(Apiserver, Ec2Api) => Ec2Api FailsAlike;
    CastaiApi on_path!(CastaiApi, StsIdentity) => StsIdentity FailsAlike;
    CastaiApi on_path!(CastaiApi, Ec2Api) => Ec2Api FailsAlike;
    StsIdentity on_path!(StsIdentity, Ec2Api) => Ec2Api FailsAlike;
    CastaiApi INTERCEPTED => StsIdentity Fails(INTERCEPTED);
    CastaiApi INTERCEPTED => Ec2Api Fails(INTERCEPTED);
    StsIdentity INTERCEPTED => Ec2Api Fails(INTERCEPTED);

    // The API server.
    Apiserver APISERVER_UNREACHABLE => AgentWorkload Blocks;
    Apiserver APISERVER_UNREACHABLE => AgentUpgrade Blocks;
    Apiserver APISERVER_UNREACHABLE => ClusterController Blocks;
    Apiserver APISERVER_UNREACHABLE => Components Blocks;
    Apiserver APISERVER_UNREACHABLE => ImagePull Blocks;
    Apiserver APISERVER_UNREACHABLE => NodeLifecycle Blocks;
    Apiserver APISERVER_UNREACHABLE => AgentLog Blocks;
    Apiserver APISERVER_UNUSABLE => AgentPermissions Blocks;
    Apiserver APISERVER_UNAVAILABLE => AgentLog Fails(LOG_APISERVER);
    Apiserver APISERVER_UNAVAILABLE => AgentLog Fails(LOG_NETWORK);
    Apiserver APISERVER_UNAVAILABLE => AgentHealth Fails(AGENT_CLIENT_ERRORS);
    Apiserver APISERVER_DOWN => AgentHealth Fails(AGENT_CUT_OFF);
    Apiserver APISERVER_DOWN => AgentHealth Fails(LEADERLESS);
    Apiserver APISERVER_DOWN => AgentWorkload Fails(RESTARTING);
    Apiserver APISERVER_DOWN => ClusterStatus Fails(NOT_RECEIVED);

    // A lost permission. If the agent's account may read nothing, the API server's check says so.
    Apiserver &[M::K8sRbacForbidden] => AgentPermissions Fails(FORBIDDEN);
    AgentPermissions FORBIDDEN => AgentLog Fails(LOG_FORBIDDEN);
    AgentPermissions FORBIDDEN => AgentHealth Fails(CLIENT_FORBIDDEN);
    AgentPermissions FORBIDDEN => AgentHealth Fails(AGENT_CUT_OFF);
    AgentPermissions FORBIDDEN => AgentHealth Fails(LEADERLESS);
    AgentPermissions FORBIDDEN => AgentWorkload Fails(RESTARTING);
    AgentPermissions FORBIDDEN => ClusterStatus Fails(NOT_RECEIVED);

    // CAST AI's API.
    CastaiApi CASTAI_UNAVAILABLE => ClusterStatus Blocks;
    CastaiApi DNS => ClusterStatus Blocks;
    CastaiApi CASTAI_UNAVAILABLE => AgentLog Fails(LOG_CASTAI);
    CastaiApi CASTAI_UNAVAILABLE => AgentLog Fails(LOG_NETWORK);
    CastaiApi CASTAI_DOWN => AgentHealth Fails(AGENT_CUT_OFF);
    CastaiApi CASTAI_DOWN => AgentWorkload Fails(RESTARTING);
    CastaiApi CASTAI_DOWN => ClusterStatus Fails(NOT_RECEIVED);
    // The tokens come from the same onboarding, or are the same key.
    CastaiApi TOKEN_REJECTED => ClusterController Fails(TOKEN_REJECTED);
    CastaiApi TOKEN_REJECTED => Components Fails(TOKEN_REJECTED);
    ClusterController TOKEN_REJECTED => Components Fails(TOKEN_REJECTED);

    // The cloud: metadata, credentials, identity, EC2.
    Imds IMDS => ClusterMetadata Blocks;
    GceMetadata GCE_METADATA => ClusterMetadata Blocks;
    AzureImds AZURE_IMDS => ClusterMetadata Blocks;
    Imds IMDS => AwsCredentials FailsAlike;
    ClusterMetadata &[M::MetadataRegionMismatch] => Ec2Api Fails(&[M::Ec2RegionWrong]);
    AwsCredentials AWS_CREDENTIALS_UNUSABLE => StsIdentity Blocks;
    AwsCredentials IMDS => StsIdentity Blocks;
    AwsCredentials AWS_CREDENTIALS_UNUSABLE => Ec2Api Blocks;
    AwsCredentials IMDS => Ec2Api Blocks;
    StsIdentity AWS_IDENTITY_REJECTED => Ec2Api Blocks;
    Imds IMDS => AgentLog Fails(LOG_CLOUD);
    AwsCredentials AWS_CREDENTIALS_UNUSABLE => AgentLog Fails(LOG_CLOUD);
    StsIdentity AWS_IDENTITY_REJECTED => AgentLog Fails(LOG_CLOUD);
    StsIdentity STS_UNREACHABLE => AgentLog Fails(LOG_CLOUD);
    StsIdentity STS_UNREACHABLE => AgentLog Fails(LOG_NETWORK);
    Ec2Api EC2_DENIED => AgentLog Fails(LOG_CLOUD);
    StsIdentity STS_ERRORS => AgentLog Fails(LOG_CLOUD);
    Ec2Api EC2_ERRORS => AgentLog Fails(LOG_CLOUD);
    Ec2Api EC2_UNREACHABLE => AgentLog Fails(LOG_CLOUD);
    Ec2Api EC2_UNREACHABLE => AgentLog Fails(LOG_NETWORK);
    GceMetadata GCE_METADATA => AgentLog Fails(LOG_CLOUD);
    AzureImds AZURE_IMDS => AgentLog Fails(LOG_CLOUD);
    // The purchase option is unresolved because EC2 cannot be queried.
    Imds IMDS => NodeLifecycle Fails(LIFECYCLE_UNRESOLVED);
    AwsCredentials AWS_CREDENTIALS_UNUSABLE => NodeLifecycle Fails(LIFECYCLE_UNRESOLVED);
    StsIdentity modes_where!(CheckId::StsIdentity) => NodeLifecycle Fails(LIFECYCLE_UNRESOLVED);
    Ec2Api modes_where!(CheckId::Ec2Api) => NodeLifecycle Fails(LIFECYCLE_UNRESOLVED);

    // An agent that restarts or does not start has closed ports, and its log only repeats why it
    // exited.
    AgentWorkload WORKLOAD => AgentHealth Fails(AGENT_UNHEALTHY);
    AgentWorkload AGENT_ONLY => AgentHealth Fails(AGENT_UNHEALTHY);
    AgentWorkload IMAGE_PULL => AgentHealth Fails(AGENT_UNHEALTHY);
    AgentWorkload WORKLOAD => AgentHealth Fails(LEADERLESS);
    AgentWorkload AGENT_ONLY => AgentHealth Fails(LEADERLESS);
    AgentWorkload IMAGE_PULL => AgentHealth Fails(LEADERLESS);
    AgentWorkload RESTARTING => AgentLog Fails(LOG_NETWORK);
    AgentWorkload RESTARTING => AgentLog Fails(LOG_CASTAI);
    AgentWorkload RESTARTING => AgentLog Fails(LOG_APISERVER);
    AgentWorkload RESTARTING => AgentLog Fails(LOG_CLOUD);
    AgentWorkload RESTARTING => AgentLog Fails(LOG_AGENT);
    AgentWorkload WORKLOAD => ClusterStatus Fails(NOT_RECEIVED);
    AgentWorkload AGENT_ONLY => ClusterStatus Fails(NOT_RECEIVED);
    AgentWorkload IMAGE_PULL => ClusterStatus Fails(NOT_RECEIVED);
    AgentHealth AGENT_UNHEALTHY => ClusterStatus Fails(NOT_RECEIVED);
    AgentHealth LEADERLESS => ClusterStatus Fails(NOT_RECEIVED);

    // The reason why the agent's pod does not start affects other pods in the same way.
    AgentWorkload IMAGE_PULL => ImagePull FailsAlike;
    ImagePull IMAGE_PULL => ClusterController FailsAlike;
    ImagePull IMAGE_PULL => Components FailsAlike;
    AgentWorkload NAMESPACE_WIDE => ClusterController FailsAlike;
    AgentWorkload NAMESPACE_WIDE => Components FailsAlike;
    ClusterController NAMESPACE_WIDE => Components FailsAlike;
};

/// Returns the relations that can explain this mode of a check.
pub fn explaining(check: CheckId, mode: FailureMode) -> impl Iterator<Item = &'static Relation> {
    RELATIONS
        .iter()
        .filter(move |relation| relation.affected == check && relation.can_explain(mode))
}

/// Returns the relations that block a check.
pub fn blocking(check: CheckId) -> impl Iterator<Item = &'static Relation> {
    RELATIONS.iter().filter(move |relation| {
        relation.affected == check && matches!(relation.effect, Effect::Blocks)
    })
}
