//! Modes that belong together: what is told by one alert, blocks the same, or is muted together.

use crate::catalogue::mode::{FailureMode, FailureMode as M};

/// Modes of a name that does not resolve.
pub const DNS_MODES: &[FailureMode] = &[
    M::NetDnsNxdomain,
    M::NetDnsServfail,
    M::NetDnsTimeout,
    M::NetDnsNoAddress,
];

/// Modes of the instance metadata service.
pub const IMDS_MODES: &[FailureMode] = &[
    M::AwsImdsHopLimit,
    M::AwsImdsTokenRequired,
    M::AwsImdsDisabled,
    M::AwsImdsUnreachable,
    M::AwsImdsNoRole,
    M::AwsImdsRoleTrust,
    M::AwsImdsServerError,
];

/// Why the agent has no credentials that could be tried.
pub const CREDENTIALS_MODES: &[FailureMode] = &[
    M::AwsNoCredentials,
    M::AwsKeyIncomplete,
    M::AwsProfileInvalid,
    M::AwsCaBundleInvalid,
    M::AwsIrsaRoleArnMissing,
    M::AwsIrsaTokenFileMissing,
    M::AwsIrsaTokenInvalid,
    M::AwsIrsaTokenExpired,
    M::AwsIrsaWrongAudience,
    M::AwsPodIdentityTokenInvalid,
    M::AwsPodIdentityUnsupportedByAgentSdk,
    M::AwsPodIdentityAgentUnreachable,
    M::AwsPodIdentityDenied,
    M::AwsPodIdentityNoAssociation,
    M::AwsPodIdentityBackendUnreachable,
];

/// Why STS gives no credentials, or does not accept those that there are.
pub const IDENTITY_MODES: &[FailureMode] = &[
    M::AwsIrsaTokenExpired,
    M::AwsIrsaWrongAudience,
    M::AwsIrsaOidcProviderMissing,
    M::AwsIrsaTokenInvalid,
    M::AwsIrsaTrustDenied,
    M::AwsIrsaIdpUnreachable,
    M::AwsKeyInvalid,
    M::AwsKeySecretWrong,
    M::AwsClockSkew,
    M::AwsSessionExpired,
];

/// Trouble on the way to an API of AWS, behind the name.
pub const AWS_TRANSPORT_MODES: &[FailureMode] = &[
    M::NetConnectTimeout,
    M::NetRefused,
    M::NetUnreachable,
    M::NetReset,
    M::ProxyUnreachable,
    M::ProxyAuthRequired,
    M::ProxyDenied,
    M::ProxyBlockPage,
    M::TlsHandshakeTimeout,
    M::TlsUnknownAuthority,
    M::TlsIntercepted,
    M::TlsExpired,
    M::TlsNotYetValid,
    M::TlsHostnameMismatch,
    M::TlsProtocol,
    M::HttpTimeout,
    M::HttpProtocol,
    M::AgentConfigInvalid,
];

/// The same for EC2, whose block pages have a mode of their own.
pub const EC2_TRANSPORT_MODES: &[FailureMode] = &[
    M::NetConnectTimeout,
    M::NetRefused,
    M::NetUnreachable,
    M::NetReset,
    M::ProxyUnreachable,
    M::ProxyAuthRequired,
    M::ProxyDenied,
    M::Ec2UnexpectedBody,
    M::TlsHandshakeTimeout,
    M::TlsUnknownAuthority,
    M::TlsIntercepted,
    M::TlsExpired,
    M::TlsNotYetValid,
    M::TlsHostnameMismatch,
    M::TlsProtocol,
    M::HttpTimeout,
    M::HttpProtocol,
    M::AgentConfigInvalid,
];

/// EC2 refuses.
pub const EC2_MODES: &[FailureMode] = &[
    M::Ec2DeniedIdentityPolicy,
    M::Ec2DeniedExplicitIdentity,
    M::Ec2DeniedScp,
    M::Ec2DeniedRcp,
    M::Ec2DeniedBoundary,
    M::Ec2DeniedSessionPolicy,
    M::Ec2DeniedResourcePolicy,
    M::Ec2DeniedVpcePolicy,
    M::Ec2DeniedUnspecified,
    M::AwsAuthFailureAmbiguous,
    M::AwsSessionExpired,
    M::AwsClockSkew,
    M::AwsRegionNotEnabled,
];

/// Modes of any workload of CAST AI; the agent has some of its own.
pub const WORKLOAD_MODES: &[FailureMode] = &[
    M::AgentScaledToZero,
    M::AgentCrashloop,
    M::AgentOomkilled,
    M::AgentLivenessKilled,
    M::AgentEvicted,
    M::AgentUnschedulableResources,
    M::AgentUnschedulableTaint,
    M::AgentUnschedulableSelector,
    M::AgentUnschedulableVolume,
    M::AgentFailedMount,
    M::AgentConfigMissing,
    M::AgentFailedCreateQuota,
    M::AgentFailedCreatePsa,
    M::AgentFailedCreateWebhook,
    M::AgentFailedCreateSa,
    M::AgentSandboxFailed,
    M::AgentProgressDeadline,
    M::AgentUnavailable,
];

/// Modes of components: none of them is wrong with no pod.
pub const COMPONENT_MODES: &[FailureMode] = WORKLOAD_MODES.split_at(1).1;

/// What is said of the agent's workload alone: its Deployment is gone, or the agent ends by itself.
pub const NO_AGENT: &[FailureMode] = &[M::AgentDeploymentMissing, M::AgentCompleted];

/// CAST AI hears nothing of the agent.
pub const UNHEARD: &[FailureMode] = &[
    M::CastaiNotResponding,
    M::CastaiDisconnected,
    M::CastaiAcceptedButStale,
];

/// Modes of a component whose token CAST AI does not accept.
pub const REFUSED_MODES: &[FailureMode] = &[M::CastaiTokenInvalid, M::CastaiForbidden];

/// Nobody leads.
pub const LEADER_MODES: &[FailureMode] = &[M::AgentNoLeader, M::AgentLeaseStale];

/// Modes of an image that does not come.
pub const IMAGE_MODES: &[FailureMode] = &[
    M::ImageAuthFailed,
    M::ImageAuthOrMissing,
    M::ImageForbidden,
    M::ImageNotFound,
    M::ImageRateLimited,
    M::ImageTlsUntrusted,
    M::ImageDns,
    M::ImageTimeout,
    M::ImageRefused,
    M::ImageRegistry5xx,
    M::ImageRegistryUnavailable,
    M::ImagePlatformMismatch,
    M::ImageNeverPull,
    M::ImageInvalidName,
    M::ImageNoSpace,
    M::ImageSignature,
    M::ImageUnknown,
];

/// Modes of the way to a target: nothing was learnt of the target itself.
pub const WAY_MODES: &[FailureMode] = &[
    M::NetDnsNxdomain,
    M::NetDnsServfail,
    M::NetDnsTimeout,
    M::NetDnsNoAddress,
    M::NetConnectTimeout,
    M::NetRefused,
    M::NetUnreachable,
    M::NetReset,
    M::ProxyUnreachable,
    M::ProxyAuthRequired,
    M::ProxyDenied,
    M::TlsHandshakeTimeout,
    M::TlsUnknownAuthority,
    M::TlsIntercepted,
    M::TlsExpired,
    M::TlsNotYetValid,
    M::TlsHostnameMismatch,
    M::TlsProtocol,
    M::HttpTimeout,
    M::HttpProtocol,
];

/// Modes in which CAST AI tells nothing.
pub const CASTAI_MODES: &[FailureMode] = &[
    M::NetConnectTimeout,
    M::NetRefused,
    M::NetUnreachable,
    M::NetReset,
    M::ProxyUnreachable,
    M::ProxyAuthRequired,
    M::ProxyDenied,
    M::ProxyBlockPage,
    M::TlsHandshakeTimeout,
    M::TlsProtocol,
    M::TlsUnknownAuthority,
    M::TlsIntercepted,
    M::TlsExpired,
    M::TlsNotYetValid,
    M::TlsHostnameMismatch,
    M::HttpTimeout,
    M::HttpProtocol,
    M::AgentConfigInvalid,
    M::CastaiWafBlocked,
    M::CastaiKeyMissing,
    M::CastaiKeyMalformed,
    M::CastaiTokenInvalid,
    M::CastaiForbidden,
    M::CastaiClusterNotFound,
    M::CastaiRateLimited,
    M::CastaiClientError,
    M::CastaiServerError,
    M::CastaiUnexpectedBody,
];

/// Those of them that do not pass by themselves.
pub const CASTAI_LASTING: &[FailureMode] = CASTAI_MODES.split_at(24).0;

/// Modes of Google's metadata server.
pub const GCE_MODES: &[FailureMode] = &[
    M::GcpMetadataUnreachable,
    M::GcpMetadataAttrMissing,
    M::GcpMetadataHeaderMissing,
    M::GcpMetadataNoSa,
    M::GcpMetadataRateLimited,
];

/// Modes of Azure's instance metadata service.
pub const AZURE_IMDS_MODES: &[FailureMode] = &[
    M::AzureImdsUnreachable,
    M::AzureImdsRestricted,
    M::AzureImdsBadRequest,
    M::AzureImdsRateLimited,
];

/// Modes that only time tells: an attempt in which this process itself was too slow cannot begin them.
pub const TIMEOUT_MODES: &[FailureMode] = &[
    M::NetDnsTimeout,
    M::NetConnectTimeout,
    M::TlsHandshakeTimeout,
    M::HttpTimeout,
    M::K8sNoAnswer,
    M::K8sSlow,
    M::CastaiSlow,
    M::AwsSlow,
    M::AwsImdsHopLimit,
    M::AwsImdsUnreachable,
    M::GcpMetadataUnreachable,
    M::AzureImdsUnreachable,
    M::AwsPodIdentityAgentUnreachable,
    M::AgentHealthUnreachable,
];

/// Modes that often pass by themselves: people hear of them later.
pub const PASSING_MODES: &[FailureMode] = &[
    M::K8sEndpointDown,
    M::K8sThrottled,
    M::K8sEtcdError,
    M::K8sServerError,
    M::K8sSlow,
    M::CastaiRateLimited,
    M::CastaiSlow,
    M::CastaiServerError,
    M::AwsImdsServerError,
    M::AwsPodIdentityThrottled,
    M::AwsStsThrottled,
    M::AwsStsServerError,
    M::Ec2Throttled,
    M::Ec2ServerError,
];

/// In these modes the agent does not get what it asks the API server for.
pub const APISERVER_MODES: &[FailureMode] = &[
    M::NetConnectTimeout,
    M::NetRefused,
    M::NetUnreachable,
    M::NetReset,
    M::ProxyUnreachable,
    M::ProxyAuthRequired,
    M::ProxyDenied,
    M::TlsHandshakeTimeout,
    M::TlsProtocol,
    M::TlsUnknownAuthority,
    M::TlsIntercepted,
    M::TlsExpired,
    M::TlsNotYetValid,
    M::TlsHostnameMismatch,
    M::HttpTimeout,
    M::HttpProtocol,
    M::K8sUnauthorized,
    M::K8sTokenExpired,
    M::K8sTokenMissing,
    M::K8sRbacForbidden,
    M::K8sAnonymousForbidden,
    M::K8sEndpointDown,
    M::K8sThrottled,
    M::K8sEtcdError,
    M::K8sServerError,
    M::K8sUnexpectedBody,
];

/// Those of them that do not pass by themselves.
pub const APISERVER_LASTING: &[FailureMode] = APISERVER_MODES.split_at(21).0;

/// What the agent meets at the API server, by its own count.
pub const MET_MODES: &[FailureMode] = &[
    M::K8sUnauthorized,
    M::K8sRbacForbidden,
    M::K8sThrottled,
    M::K8sServerError,
    M::K8sNoAnswer,
];

/// Trouble on the way that the agent's log names.
pub const LOG_NETWORK: &[FailureMode] = &[
    M::NetConnectTimeout,
    M::NetDnsNoAddress,
    M::NetDnsNxdomain,
    M::NetDnsServfail,
    M::NetDnsTimeout,
    M::NetRefused,
    M::NetReset,
    M::NetUnreachable,
    M::ProxyAuthRequired,
    M::ProxyBlockPage,
    M::ProxyDenied,
    M::ProxyUnreachable,
    M::TlsExpired,
    M::TlsHandshakeTimeout,
    M::TlsHostnameMismatch,
    M::TlsIntercepted,
    M::TlsNotYetValid,
    M::TlsProtocol,
    M::TlsUnknownAuthority,
    M::HttpProtocol,
    M::HttpTimeout,
];

/// Refusals of CAST AI that the agent's log names.
pub const LOG_CASTAI: &[FailureMode] = &[
    M::CastaiClientError,
    M::CastaiClusterNotFound,
    M::CastaiContinuityToken,
    M::CastaiDeliveryFailed,
    M::CastaiForbidden,
    M::CastaiKeyMalformed,
    M::CastaiKeyMissing,
    M::CastaiRateLimited,
    M::CastaiServerError,
    M::CastaiTokenInvalid,
    M::CastaiUnexpectedBody,
    M::CastaiWafBlocked,
];

/// Trouble with the API server that the agent's log names.
pub const LOG_KUBERNETES: &[FailureMode] = &[
    M::K8sAnonymousForbidden,
    M::K8sEtcdError,
    M::K8sNoAnswer,
    M::K8sRbacForbidden,
    M::K8sServerError,
    M::K8sThrottled,
    M::K8sTokenMissing,
    M::K8sUnauthorized,
    M::K8sUnexpectedBody,
];

/// Trouble with the cloud that the agent's log names.
pub const LOG_CLOUD: &[FailureMode] = &[
    M::AwsAuthFailureAmbiguous,
    M::AwsCaBundleInvalid,
    M::AwsClockSkew,
    M::AwsImdsDisabled,
    M::AwsImdsNoRole,
    M::AwsImdsRoleTrust,
    M::AwsImdsServerError,
    M::AwsImdsTokenRequired,
    M::AwsImdsUnreachable,
    M::AwsIrsaIdpUnreachable,
    M::AwsIrsaOidcProviderMissing,
    M::AwsIrsaRoleArnMissing,
    M::AwsIrsaTokenExpired,
    M::AwsIrsaTokenFileMissing,
    M::AwsIrsaTokenInvalid,
    M::AwsIrsaTrustDenied,
    M::AwsIrsaWrongAudience,
    M::AwsKeyInvalid,
    M::AwsKeySecretWrong,
    M::AwsNoCredentials,
    M::AwsPodIdentityAgentUnreachable,
    M::AwsPodIdentityBackendUnreachable,
    M::AwsPodIdentityDenied,
    M::AwsPodIdentityNoAssociation,
    M::AwsPodIdentityThrottled,
    M::AwsPodIdentityTokenInvalid,
    M::AwsPodIdentityUnsupportedByAgentSdk,
    M::AwsProfileInvalid,
    M::AwsRegionNotEnabled,
    M::AwsSessionExpired,
    M::AwsStsDenied,
    M::AwsStsServerError,
    M::AwsStsThrottled,
    M::AwsStsUnreachable,
    M::Ec2DeniedBoundary,
    M::Ec2DeniedExplicitIdentity,
    M::Ec2DeniedIdentityPolicy,
    M::Ec2DeniedRcp,
    M::Ec2DeniedResourcePolicy,
    M::Ec2DeniedScp,
    M::Ec2DeniedSessionPolicy,
    M::Ec2DeniedUnspecified,
    M::Ec2DeniedVpcePolicy,
    M::Ec2InstanceNotVisible,
    M::Ec2RegionWrong,
    M::Ec2ServerError,
    M::Ec2TagsMissing,
    M::Ec2Throttled,
    M::Ec2UnexpectedBody,
    M::GcpMetadataAttrMissing,
    M::GcpMetadataHeaderMissing,
    M::GcpMetadataNoSa,
    M::GcpMetadataRateLimited,
    M::GcpMetadataUnreachable,
    M::AzureImdsBadRequest,
    M::AzureImdsRateLimited,
    M::AzureImdsUnreachable,
];

/// Trouble of the agent's own that its log names.
pub const LOG_OWN: &[FailureMode] = &[
    M::AgentConfigEnvMissing,
    M::AgentConfigInvalid,
    M::AgentCrashloop,
    M::AgentHealthUnreachable,
    M::AgentLivenessKilled,
    M::AgentNoLeader,
    M::AgentNotReadyInitialising,
    M::AgentOomkilled,
    M::AgentPortTaken,
    M::AgentUnhealthy,
    M::MetadataUnresolvable,
    M::Unclassified,
];

/// The agent's container ends again and again.
pub const ENDING_MODES: &[FailureMode] = &[
    M::AgentCrashloop,
    M::AgentCompleted,
    M::AgentOomkilled,
    M::AgentLivenessKilled,
];

/// The agent is asked for its health, and is not well or not there.
pub const HEALTH_MODES: &[FailureMode] = &[
    M::AgentHealthUnreachable,
    M::AgentUnhealthy,
    M::AgentNotReadyInitialising,
    M::AgentPortTaken,
    M::AgentConfigInvalid,
];

/// Those of them that an agent shows that reaches nobody.
pub const UNWELL: &[FailureMode] = HEALTH_MODES.split_at(3).0;

/// What a wrong clock makes of certificates.
pub const SEEMING_DATES: &[FailureMode] = &[M::TlsExpired, M::TlsNotYetValid];

/// What only EC2 could tell.
pub const UNRESOLVED: &[FailureMode] = &[M::LifecycleUnresolved];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_what_does_not_pass() {
        for (all, lasting) in [
            (CASTAI_MODES, CASTAI_LASTING),
            (APISERVER_MODES, APISERVER_LASTING),
        ] {
            assert!(lasting.iter().all(|mode| !PASSING_MODES.contains(mode)));
            let others = all[lasting.len()..]
                .iter()
                .filter(|mode| !PASSING_MODES.contains(mode));
            assert!(others.count() <= 2, "{all:?}");
        }
        assert_eq!(
            (CASTAI_LASTING.last(), APISERVER_LASTING.last()),
            (
                Some(&M::CastaiClusterNotFound),
                Some(&M::K8sAnonymousForbidden)
            )
        );
    }
}
