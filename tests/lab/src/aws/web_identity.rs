//! Evaluates web-identity tokens: all checks of STS in its order.
//!
//! Wire format: the STS API reference, `AssumeRoleWithWebIdentity`, and its messages as quoted in
//! issue trackers.

use time::OffsetDateTime;

use super::account::{Account, WebIdentity};
use super::jwt_verifier::{self, Claims};
use super::xml::AwsError;

/// Error code for tokens that STS rejects.
pub(super) const INVALID: &str = "InvalidIdentityToken";

/// Checks whether a token may assume a role.
pub(super) fn evaluate(
    account: &Account,
    text: &str,
    role_arn: &str,
    now: OffsetDateTime,
) -> Result<Claims, AwsError> {
    let claims = jwt_verifier::parse_claims(text).ok_or_else(malformed_token)?;
    let provider = account
        .provider(&claims.issuer)
        .ok_or_else(|| no_provider(&claims.issuer))?;
    if claims.expires <= now.unix_timestamp() {
        return Err(expired(now.unix_timestamp(), claims.expires));
    }
    if !jwt_verifier::is_signed_by(text, &provider.signing_keys) {
        return Err(no_verification_key());
    }
    if !claims
        .audiences
        .iter()
        .any(|audience| provider.audiences.contains(audience))
    {
        return Err(wrong_audience());
    }
    let trust = account.role(role_arn).and_then(|role| role.web_identity);
    if trust.is_some_and(|trust| trust.accepts(&claims)) {
        Ok(claims)
    } else {
        Err(not_trusted())
    }
}

// === impl WebIdentity ===

impl WebIdentity {
    fn accepts(&self, claims: &Claims) -> bool {
        self.issuer == claims.issuer
            && self.subject == claims.subject
            && claims.audiences.contains(&self.audience)
    }
}

fn malformed_token() -> AwsError {
    let text = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";
    AwsError::new(400, INVALID, text)
}

pub(super) fn no_provider(issuer: &str) -> AwsError {
    AwsError::new(
        400,
        INVALID,
        format!("No OpenIDConnect provider found in your account for {issuer}"),
    )
}

pub(super) fn expired(now: i64, end: i64) -> AwsError {
    let text = format!(
        "Token expired: current date/time {now} must be before the expiration date/time{end}"
    );
    AwsError::new(400, "ExpiredTokenException", text)
}

pub(super) fn no_verification_key() -> AwsError {
    let text = "Couldn't retrieve verification key from your identity provider,  please reference \
                AssumeRoleWithWebIdentity documentation for requirements";
    AwsError::new(400, INVALID, text)
}

pub(super) fn wrong_audience() -> AwsError {
    AwsError::new(400, INVALID, "Incorrect token audience")
}

pub(super) fn thumbprint() -> AwsError {
    AwsError::new(
        400,
        INVALID,
        "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
    )
}

pub(super) fn rejected_claim() -> AwsError {
    AwsError::new(
        403,
        "IDPRejectedClaim",
        "The identity provider (IdP) reported that authentication failed",
    )
}

pub(super) fn unreachable() -> AwsError {
    let text = "The request could not be fulfilled because the identity provider (IDP) that was asked to verify the \
                incoming identity token could not be reached";
    AwsError::new(400, "IDPCommunicationError", text)
}

pub(super) fn not_trusted() -> AwsError {
    AwsError::new(
        403,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    )
}
