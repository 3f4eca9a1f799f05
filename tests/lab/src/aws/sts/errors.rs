//! Error responses of STS.

use time::OffsetDateTime;

use super::StsFault;
use crate::HOSTILE_TEXT;
use crate::aws::account::{AuthError, MAX_CLOCK_SKEW};
use crate::aws::signature::format_date;
use crate::aws::xml::AwsError;
use crate::aws::{ACCOUNT, ISSUER, web_identity};

/// Returns the error that a fault injects into `AssumeRoleWithWebIdentity`.
pub(super) fn web_identity_fault(
    fault: Option<&StsFault>,
    now: OffsetDateTime,
) -> Option<AwsError> {
    let now = now.unix_timestamp();
    Some(match fault? {
        StsFault::TrustDenied => web_identity::not_trusted(),
        StsFault::NoProvider => web_identity::no_provider(ISSUER),
        StsFault::WrongAudience => web_identity::wrong_audience(),
        StsFault::NoVerificationKey => web_identity::no_verification_key(),
        StsFault::Thumbprint => web_identity::thumbprint(),
        StsFault::WebIdentityExpired => web_identity::expired(now, now - 60),
        StsFault::IdpUnreachable => web_identity::unreachable(),
        StsFault::IdpRejected => web_identity::rejected_claim(),
        StsFault::Hostile => AwsError::new(403, "AccessDenied", HOSTILE_TEXT),
        _ => return None,
    })
}

/// Returns the error for a request that could not be authenticated.
pub(super) fn unauthenticated(error: AuthError, now: OffsetDateTime) -> AwsError {
    let mismatch = |text: String| AwsError::new(403, "SignatureDoesNotMatch", text);
    match error {
        AuthError::Unsigned => AwsError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
        AuthError::Incomplete(part) => {
            AwsError::new(400, "IncompleteSignature", format!("Authorization header requires {part}."))
        }
        AuthError::UnknownKey => {
            AwsError::new(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        }
        AuthError::SessionExpired => {
            AwsError::new(403, "ExpiredToken", "The security token included in the request is expired")
        }
        AuthError::WrongRegion => mismatch("Credential should be scoped to a valid region. ".to_owned()),
        AuthError::WrongService => mismatch("Credential should be scoped to correct service: 'sts'. ".to_owned()),
        AuthError::Skewed(age, date) => {
            let server_time = format_date(now);
            mismatch(if age.is_positive() {
                let limit = format_date(now - MAX_CLOCK_SKEW);
                format!("Signature expired: {date} is now earlier than {limit} ({server_time} - 5 min.)")
            } else {
                let limit = format_date(now + MAX_CLOCK_SKEW);
                format!("Signature not yet current: {date} is still later than {limit} ({server_time} + 5 min.)")
            })
        }
        AuthError::SignatureMismatch => mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .to_owned(),
        ),
    }
}

pub(super) fn missing_parameter(name: &str) -> AwsError {
    let text = format!(
        "1 validation error detected: Value null at '{}{}' failed to satisfy constraint: Member must not be null",
        name[..1].to_ascii_lowercase(),
        &name[1..]
    );
    AwsError::new(400, "ValidationError", text)
}

pub(super) fn internal_failure() -> AwsError {
    let text =
        "The request processing has failed because of an unknown error, exception or failure.";
    AwsError::new(500, "InternalFailure", text)
}

pub(super) fn unavailable() -> AwsError {
    AwsError::new(
        503,
        "ServiceUnavailable",
        "The request has failed due to a temporary failure of the server.",
    )
}

pub(super) fn region_disabled(region: &str) -> AwsError {
    let text = format!(
        "STS is not activated in this region for account:{ACCOUNT}. Your account administrator can activate STS in this \
         region ({region}) using the IAM Console."
    );
    AwsError::new(403, "RegionDisabledException", text)
}
