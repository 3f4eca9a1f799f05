//! Whether a role may be taken with a web-identity token: everything that STS looks at, in its order.
//!
//! Wire format: the STS API reference, `AssumeRoleWithWebIdentity`, and the messages that issue trackers quote of it.

use time::OffsetDateTime;

use super::account::{Account, WebIdentity};
use super::token::{
    Claims, {self},
};
use super::xml::Error;

/// The codes of a token that STS does not take.
pub(super) const INVALID: &str = "InvalidIdentityToken";

/// Judges a token.
pub(super) fn judge(
    account: &Account,
    text: &str,
    role_arn: &str,
    now: OffsetDateTime,
) -> Result<Claims, Error> {
    let claims = token::claims(text).ok_or_else(no_jwt)?;
    let provider = account
        .provider(&claims.issuer)
        .ok_or_else(|| no_provider(&claims.issuer))?;
    if claims.expires <= now.unix_timestamp() {
        return Err(expired(now.unix_timestamp(), claims.expires));
    }
    if !token::is_signed_by(text, &provider.signs) {
        return Err(no_key());
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

fn no_jwt() -> Error {
    let text = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";
    Error::new(400, INVALID, text)
}

pub(super) fn no_provider(issuer: &str) -> Error {
    Error::new(
        400,
        INVALID,
        format!("No OpenIDConnect provider found in your account for {issuer}"),
    )
}

pub(super) fn expired(now: i64, end: i64) -> Error {
    let text = format!(
        "Token expired: current date/time {now} must be before the expiration date/time{end}"
    );
    Error::new(400, "ExpiredTokenException", text)
}

pub(super) fn no_key() -> Error {
    let text = "Couldn't retrieve verification key from your identity provider,  please reference \
                AssumeRoleWithWebIdentity documentation for requirements";
    Error::new(400, INVALID, text)
}

pub(super) fn wrong_audience() -> Error {
    Error::new(400, INVALID, "Incorrect token audience")
}

pub(super) fn thumbprint() -> Error {
    Error::new(
        400,
        INVALID,
        "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
    )
}

pub(super) fn rejected_claim() -> Error {
    Error::new(
        403,
        "IDPRejectedClaim",
        "The identity provider (IdP) reported that authentication failed",
    )
}

pub(super) fn unreachable() -> Error {
    let text = "The request could not be fulfilled because the identity provider (IDP) that was asked to verify the \
                incoming identity token could not be reached";
    Error::new(400, "IDPCommunicationError", text)
}

pub(super) fn not_trusted() -> Error {
    Error::new(
        403,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    )
}
