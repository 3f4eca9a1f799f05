//! Sets of failure modes that several tables share, each a predicate over the modes' attributes.

use crate::catalogue::check::CheckId;
use crate::catalogue::mode::category::{Category, Property};
use crate::catalogue::mode::{FailureMode, FailureMode as M, Family};

/// Collects the modes that a check can show and that match a predicate, in the order of
/// declaration.
///
/// The predicate is evaluated by the compiler, so it may only call `const` functions.
macro_rules! modes_where {
    ($check:expr) => {
        $crate::catalogue::mode_set::modes_where!($check, |_mode| true)
    };
    ($check:expr, |$mode:ident| $predicate:expr) => {{
        use $crate::catalogue::mode::FailureMode;
        const fn matches($mode: FailureMode) -> bool {
            $predicate
        }
        const COUNT: usize = {
            let (mut at, mut count) = (0, 0);
            while at < FailureMode::ALL.len() {
                let mode = FailureMode::ALL[at];
                if mode.shown_by($check) && matches(mode) {
                    count += 1;
                }
                at += 1;
            }
            count
        };
        const MODES: [FailureMode; COUNT] = {
            let mut modes = [FailureMode::ALL[0]; COUNT];
            let (mut at, mut count) = (0, 0);
            while at < FailureMode::ALL.len() {
                let mode = FailureMode::ALL[at];
                if mode.shown_by($check) && matches(mode) {
                    modes[count] = mode;
                    count += 1;
                }
                at += 1;
            }
            modes
        };
        &MODES
    }};
}
pub(super) use modes_where;

/// A name does not resolve.
pub const DNS: &[FailureMode] = modes_where!(CheckId::Dns);

/// The instance metadata service of EC2 does not answer as the agent needs it.
pub const IMDS: &[FailureMode] = modes_where!(CheckId::Imds);

/// The metadata server of Google Cloud does not answer as the agent needs it.
pub const GCE_METADATA: &[FailureMode] = modes_where!(CheckId::GceMetadata);

/// The instance metadata service of Azure does not answer as the agent needs it.
pub const AZURE_IMDS: &[FailureMode] = modes_where!(CheckId::AzureImds);

/// An image cannot be pulled.
pub const IMAGE_PULL: &[FailureMode] = modes_where!(CheckId::ImagePull);

/// The agent finds no AWS credentials that it could use.
pub const AWS_CREDENTIALS_UNUSABLE: &[FailureMode] =
    modes_where!(CheckId::AwsCredentials, |mode| {
        matches!(mode.family(), Family::AwsCredentials) && !is_survivable(mode)
    });

/// The agent finds other AWS credentials than configured, or finds them late.
pub const AWS_CREDENTIALS_DEGRADED: &[FailureMode] =
    modes_where!(CheckId::AwsCredentials, |mode| {
        matches!(mode.family(), Family::AwsCredentials) && is_survivable(mode)
    });

/// No connection to STS.
pub const STS_UNREACHABLE: &[FailureMode] =
    modes_where!(CheckId::StsIdentity, |mode| is_unreachable(mode)
        || matches!(mode.category(), Category::Misconfigured));

/// STS rejects the credentials.
pub const AWS_IDENTITY_REJECTED: &[FailureMode] = modes_where!(CheckId::StsIdentity, |mode| {
    matches!(mode.category(), Category::Denied) && !is_refused_by_sts(mode)
});

/// STS rejects requests whatever the credentials, fails, or answers late.
pub const STS_ERRORS: &[FailureMode] = modes_where!(CheckId::StsIdentity, |mode| {
    is_error(mode) || is_refused_by_sts(mode)
});

/// No connection to the EC2 API.
pub const EC2_UNREACHABLE: &[FailureMode] =
    modes_where!(CheckId::Ec2Api, |mode| is_unreachable(mode)
        || matches!(mode.category(), Category::Misconfigured));

/// EC2 denies `ec2:DescribeInstances`.
pub const EC2_DENIED: &[FailureMode] = modes_where!(CheckId::Ec2Api, |mode| {
    matches!(mode.category(), Category::Denied)
});

/// EC2 rejects requests whatever the credentials, or fails.
pub const EC2_ERRORS: &[FailureMode] = modes_where!(CheckId::Ec2Api, |mode| {
    matches!(mode.category(), Category::Throttled | Category::Error)
});

/// The API server does not serve the agent's requests.
pub const APISERVER_UNAVAILABLE: &[FailureMode] = modes_where!(CheckId::Apiserver, |mode| {
    !matches!(
        mode.category(),
        Category::Dns | Category::Misconfigured | Category::Slow
    )
});

/// The API server serves none of the agent's requests until someone intervenes.
pub const APISERVER_DOWN: &[FailureMode] = modes_where!(CheckId::Apiserver, |mode| {
    is_unreachable(mode)
        || matches!(mode.category(), Category::Denied)
        || matches!(mode, M::K8sEtcdError)
});

/// The API server serves no request of the agent's account, whatever its permissions are.
pub const APISERVER_UNUSABLE: &[FailureMode] = modes_where!(CheckId::Apiserver, |mode| {
    matches!(mode.family(), Family::Network | Family::Kubernetes)
        && !matches!(
            mode.category(),
            Category::Dns | Category::Slow | Category::Degraded
        )
        && !matches!(mode, M::K8sRbacForbidden)
});

/// The agent's account lacks a permission.
pub const FORBIDDEN: &[FailureMode] = modes_where!(CheckId::AgentPermissions);

/// The connection to the API server fails, or it cannot reach its storage, so nothing is known about
/// its objects.
pub const APISERVER_UNREACHABLE: &[FailureMode] = modes_where!(CheckId::Apiserver, |mode| {
    matches!(mode.family(), Family::Network) || matches!(mode, M::K8sEtcdError)
});

/// A certificate that something on the path presents in the server's place.
pub const INTERCEPTED: &[FailureMode] = modes_where!(CheckId::CastaiApi, |mode| {
    matches!(mode, M::TlsUnknownAuthority | M::TlsIntercepted)
});

/// CAST AI does not serve the agent's requests.
pub const CASTAI_UNAVAILABLE: &[FailureMode] = modes_where!(CheckId::CastaiApi, |mode| {
    !matches!(mode.category(), Category::Dns | Category::Slow)
});

/// CAST AI serves none of the agent's requests until someone intervenes.
pub const CASTAI_DOWN: &[FailureMode] = modes_where!(CheckId::CastaiApi, |mode| {
    is_unreachable(mode) || matches!(mode.category(), Category::Denied | Category::Misconfigured)
});

/// CAST AI receives nothing from the agent.
pub const NOT_RECEIVED: &[FailureMode] = modes_where!(CheckId::ClusterStatus, |mode| {
    matches!(mode.category(), Category::Disconnected)
});

/// CAST AI rejects the token of a component.
pub const TOKEN_REJECTED: &[FailureMode] = modes_where!(CheckId::Components, |mode| {
    matches!(mode.family(), Family::Castai)
});

/// Any CAST AI workload does not run.
pub const WORKLOAD: &[FailureMode] = modes_where!(CheckId::ClusterController, |mode| {
    matches!(mode.family(), Family::Workload)
});

/// A workload fails for a reason outside its pods: the namespace, the nodes, admission.
pub const NAMESPACE_WIDE: &[FailureMode] = modes_where!(CheckId::ClusterController, |mode| {
    matches!(
        mode.category(),
        Category::NotCreated | Category::Unscheduled
    ) || matches!(mode, M::AgentUnavailable)
});

/// Only the agent shows these: its Deployment is missing, or its process exits with code 0.
pub const AGENT_ONLY: &[FailureMode] = modes_where!(CheckId::AgentWorkload, |mode| {
    matches!(mode.family(), Family::Workload) && !mode.shown_by(CheckId::ClusterController)
});

/// The agent's containers exit and are restarted.
pub const RESTARTING: &[FailureMode] = modes_where!(CheckId::AgentWorkload, |mode| {
    matches!(mode.category(), Category::Restarting)
});

/// The agent's health endpoint reports a problem or does not answer.
pub const AGENT_UNHEALTHY: &[FailureMode] = modes_where!(CheckId::AgentHealth, |mode| {
    matches!(
        mode.category(),
        Category::Unhealthy | Category::Misconfigured
    )
});

/// The agent's health endpoint as it responds while the agent cannot reach its peers.
pub const AGENT_CUT_OFF: &[FailureMode] = modes_where!(CheckId::AgentHealth, |mode| {
    matches!(mode.category(), Category::Unhealthy)
});

/// No instance is the leader.
pub const LEADERLESS: &[FailureMode] = modes_where!(CheckId::AgentHealth, |mode| {
    matches!(mode.category(), Category::Leaderless)
});

/// No instance of the cluster controller is the leader.
pub const CONTROLLER_LEADERLESS: &[FailureMode] =
    modes_where!(CheckId::ClusterController, |mode| {
        matches!(mode.category(), Category::Leaderless)
    });

/// The agent's own client metrics show errors of the API server.
pub const AGENT_CLIENT_ERRORS: &[FailureMode] = modes_where!(CheckId::AgentHealth, |mode| {
    matches!(mode.family(), Family::Kubernetes)
});

/// The agent's log names a network failure.
pub const LOG_NETWORK: &[FailureMode] = modes_where!(CheckId::AgentLog, |mode| {
    matches!(mode.family(), Family::Network)
});

/// The agent's log names a failure of CAST AI's API.
pub const LOG_CASTAI: &[FailureMode] = modes_where!(CheckId::AgentLog, |mode| {
    matches!(mode.family(), Family::Castai)
});

/// The agent's log names a failure of the API server.
pub const LOG_APISERVER: &[FailureMode] = modes_where!(CheckId::AgentLog, |mode| {
    matches!(mode.family(), Family::Kubernetes)
});

/// The agent's log shows what an agent without a permission logs.
pub const LOG_FORBIDDEN: &[FailureMode] = modes_where!(CheckId::AgentLog, |mode| {
    matches!(mode, M::K8sRbacForbidden)
        || matches!(mode.category(), Category::Unhealthy | Category::Leaderless)
});

/// The agent's own client metrics show refusals of the API server.
pub const CLIENT_FORBIDDEN: &[FailureMode] = modes_where!(CheckId::AgentHealth, |mode| {
    matches!(mode, M::K8sRbacForbidden)
});

/// The agent's log names a failure of a cloud API.
pub const LOG_CLOUD: &[FailureMode] =
    modes_where!(CheckId::AgentLog, |mode| mode.family().is_cloud());

/// The agent's log names a failure of the agent itself.
pub const LOG_AGENT: &[FailureMode] = modes_where!(CheckId::AgentLog, |mode| {
    matches!(
        mode.family(),
        Family::Agent | Family::Metadata | Family::Workload
    )
});

/// A wrong clock makes a valid certificate look invalid.
pub const CLOCK_DEPENDENT: &[FailureMode] = modes_where!(CheckId::Apiserver, |mode| {
    mode.has(Property::ClockDependent)
});

/// A purchase option that only EC2 knows.
pub const LIFECYCLE_UNRESOLVED: &[FailureMode] = modes_where!(CheckId::NodeLifecycle);

/// Returns whether a proxy, a firewall or an intercepting CA on the path can be the cause, so that
/// several servers show it.
pub(super) const fn is_on_path(mode: FailureMode) -> bool {
    matches!(mode.family(), Family::Network) && is_unreachable(mode)
}

/// Returns whether the connection to the target fails after its name resolved.
pub(super) const fn is_unreachable(mode: FailureMode) -> bool {
    matches!(
        mode.category(),
        Category::Unreachable | Category::Certificate
    )
}

/// Returns whether the target answers, but with errors or late.
pub(super) const fn is_error(mode: FailureMode) -> bool {
    matches!(
        mode.category(),
        Category::Throttled | Category::Error | Category::Slow
    )
}

const fn is_survivable(mode: FailureMode) -> bool {
    matches!(mode.category(), Category::Degraded | Category::Throttled)
}

/// An exception among the denials: the endpoint or the region is the reason, not the credentials.
const fn is_refused_by_sts(mode: FailureMode) -> bool {
    matches!(mode, M::AwsStsDenied | M::AwsRegionNotEnabled)
}
