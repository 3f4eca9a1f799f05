//! AWS error codes.

use super::denial::denied;
use super::service::AwsErrorSource;
use crate::catalogue::{FailureMode, FailureMode as M};
use crate::classify::rule::contains_any;
use crate::classify::text::Text;

/// Returns the mode of the innermost code in a text.
pub(super) fn coded(
    text: Text<'_>,
    service: AwsErrorSource,
    codes: &[&str],
) -> Option<FailureMode> {
    let (at, code) = codes
        .iter()
        .filter_map(|code| {
            let at = text.rfind(code)?;
            let ends =
                !text[at + code.len()..].starts_with(|next: char| next.is_ascii_alphanumeric());
            let begins = !text[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
            (begins && ends).then_some((at, *code))
        })
        .max()?;
    mode_of_code(code, text.part(&text.as_str()[at..]), service)
}

/// Returns the mode of an error code, using the message where the code alone is ambiguous.
pub(super) fn mode_of_code(
    code: &str,
    message: Text<'_>,
    service: AwsErrorSource,
) -> Option<FailureMode> {
    let web_identity =
        message.contains("WebIdentity") || message.contains("Token expired: current date/time");
    Some(match code.trim_end_matches("Exception") {
        "UnauthorizedOperation" => denied(message),
        "AccessDenied"
            if message.contains("sts:") && contains_any(&message.to_lowercase(), PERIMETERS) =>
        {
            M::AwsStsDenied
        }
        "AccessDenied" if contains_any(message, &["sts:AssumeRoleWithWebIdentity"]) => {
            M::AwsIrsaTrustDenied
        }
        "AccessDenied"
            if message.contains("associated role") || service == AwsErrorSource::PodIdentity =>
        {
            M::AwsPodIdentityDenied
        }
        "AccessDenied" if service == AwsErrorSource::Sts => M::AwsStsDenied,
        "AccessDenied" if service == AwsErrorSource::Ec2 || message.contains("ec2:") => {
            denied(message)
        }
        "AuthFailure" | "RequestExpired" => M::AwsAuthFailureAmbiguous,
        "InvalidClientTokenId" | "InvalidAccessKeyId" | "UnrecognizedClient" => M::AwsKeyInvalid,
        "SignatureDoesNotMatch"
            if contains_any(message, &["Signature expired", "Signature not yet current"]) =>
        {
            M::AwsClockSkew
        }
        "SignatureDoesNotMatch" | "IncompleteSignature" => M::AwsKeySecretWrong,
        "RequestTimeTooSkewed" => M::AwsClockSkew,
        "ExpiredToken" | "InvalidToken" if service == AwsErrorSource::PodIdentity => {
            M::AwsPodIdentityTokenInvalid
        }
        "ExpiredToken" if web_identity || code == "ExpiredTokenException" => M::AwsIrsaTokenExpired,
        "ExpiredToken" => M::AwsSessionExpired,
        "OptInRequired" | "RegionDisabled" => M::AwsRegionNotEnabled,
        "InvalidIdentityToken" if message.contains("Incorrect token audience") => {
            M::AwsIrsaWrongAudience
        }
        "InvalidIdentityToken" if message.contains("No OpenIDConnect provider found") => {
            M::AwsIrsaOidcProviderMissing
        }
        "InvalidIdentityToken" | "IDPRejectedClaim" => M::AwsIrsaTokenInvalid,
        "IDPCommunicationError" => M::AwsIrsaIdpUnreachable,
        "ResourceNotFound" if service == AwsErrorSource::PodIdentity => {
            M::AwsPodIdentityNoAssociation
        }
        "RequestLimitExceeded" | "EC2Throttled" => M::Ec2Throttled,
        "Throttling" | "Throttled" | "TooManyRequests" => service.throttled(),
        "InternalError" | "InternalFailure" | "Unavailable" | "ServiceUnavailable"
        | "InternalServer" => service.server_error(),
        "InvalidInstanceID.NotFound" | "InvalidInstanceID.Malformed" => M::Ec2RegionWrong,
        "UnknownError" if service == AwsErrorSource::Ec2 => M::Ec2UnexpectedBody,
        "UnknownError" => M::ProxyBlockPage,
        "AssumeRoleUnauthorizedAccess" => M::AwsImdsRoleTrust,
        _ => return None,
    })
}

/// Policies around STS that apply regardless of the role's own policies.
const PERIMETERS: &[&str] = &[
    "vpc endpoint policy",
    "service control policy",
    "resource control policy",
];

/// AWS error codes that determine a mode.
pub(super) const CODES: &[&str] = &[
    "UnauthorizedOperation",
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "RequestExpired",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "RequestTimeTooSkewed",
    "ExpiredToken",
    "ExpiredTokenException",
    "OptInRequired",
    "RegionDisabledException",
    "InvalidIdentityToken",
    "InvalidIdentityTokenException",
    "IDPRejectedClaim",
    "IDPRejectedClaimException",
    "IDPCommunicationError",
    "IDPCommunicationErrorException",
    "InvalidTokenException",
    "ResourceNotFoundException",
    "RequestLimitExceeded",
    "EC2ThrottledException",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "InternalError",
    "InternalFailure",
    "Unavailable",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "InternalServerException",
    "InvalidInstanceID.NotFound",
    "InvalidInstanceID.Malformed",
    "UnknownError",
    "AssumeRoleUnauthorizedAccess",
];
