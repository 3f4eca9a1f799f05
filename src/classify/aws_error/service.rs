//! AWS services, as far as a text shows them.

use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::rule::contains_any;
use crate::classify::text::Text;

/// The service that responded, as far as the text shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AwsErrorSource {
    /// EC2.
    Ec2,
    /// STS.
    Sts,
    /// The EKS Pod Identity agent, or the service behind it.
    PodIdentity,
    /// Instance metadata.
    Imds,
    /// Not shown by the text.
    Unknown,
}

impl AwsErrorSource {
    /// Returns the last service called: the innermost operation, or the address of its credential
    /// source.
    pub(super) fn of(text: Text<'_>) -> Self {
        const POD_IDENTITY: &[&str] = &[
            "169.254.170.23",
            "fd00:ec2::23",
            "failed to load credentials",
            "CredentialsEndpointError",
            ", fault: ",
        ];
        if contains_any(text, POD_IDENTITY) {
            return Self::PodIdentity;
        }
        if let Some(at) = text.rfind("operation error ") {
            let operation = &text.as_str()[at + "operation error ".len()..];
            return match operation.split(':').next().unwrap_or_default() {
                "EC2" => Self::Ec2,
                "STS" => Self::Sts,
                "EKS Auth" => Self::PodIdentity,
                "ec2imds" => Self::Imds,
                _ => Self::Unknown,
            };
        }
        if contains_any(text, &["EC2MetadataError", "169.254.169.254"]) {
            Self::Imds
        } else if contains_any(text, &["WebIdentity", "//sts.", "GetCallerIdentity"]) {
            Self::Sts
        } else if contains_any(
            text,
            &["describing instance", "DescribeInstances", "//ec2."],
        ) {
            Self::Ec2
        } else {
            Self::Unknown
        }
    }

    pub(super) const fn throttled(self) -> FailureMode {
        match self {
            Self::Sts => M::AwsStsThrottled,
            Self::PodIdentity => M::AwsPodIdentityThrottled,
            Self::Ec2 | Self::Imds | Self::Unknown => M::Ec2Throttled,
        }
    }

    pub(super) const fn server_error(self) -> FailureMode {
        match self {
            Self::Sts => M::AwsStsServerError,
            Self::PodIdentity => M::AwsPodIdentityBackendUnreachable,
            Self::Imds => M::AwsImdsServerError,
            Self::Ec2 | Self::Unknown => M::Ec2ServerError,
        }
    }
}
