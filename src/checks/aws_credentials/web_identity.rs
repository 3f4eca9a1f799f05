//! The service account token for STS: whether it is present, readable, well formed and fresh.

use crate::aws::projected_token;
use crate::aws::projected_token::{
    LOW_LIFETIME_PERCENT, ProjectedTokenError, RemainingLifetime, STS_AUDIENCE, TokenRequester,
    TokenSource,
};
use crate::catalogue::FailureMode as M;
use crate::checks::aws_credentials::source_result::SourceResult;
use crate::report::evidence::quote;
use crate::report::{Evidence, Finding, Verdict};

/// Checks the token that the agent exchanges for the role's credentials.
pub(super) async fn check_token(
    source: TokenSource<'_>,
    role_arn: Option<&str>,
    requester: &TokenRequester,
) -> SourceResult {
    let Some(role) = role_arn else {
        let evidence = format!(
            "token file {} is configured without a role (AWS_ROLE_ARN): the agent exits at start \
             with \"role ARN is not set\"",
            source.file().display()
        );
        return failing(M::AwsIrsaRoleArnMissing, evidence);
    };
    let claims = match source.token(requester).await {
        Ok((_, claims)) => claims,
        Err(ProjectedTokenError::Invalid(finding)) => return Verdict::failing(finding).into(),
        Err(ProjectedTokenError::Unavailable(why)) => return Verdict::Unknown(why).into(),
    };
    let token = format!(
        "{} {} for role {}",
        source.name(),
        projected_token::describe(&claims),
        quote(role.as_bytes())
    );
    if projected_token::has_wrong_audience_for_sts(&claims) {
        return failing(
            M::AwsIrsaWrongAudience,
            format!("{token}: its audience is not {STS_AUDIENCE}"),
        );
    }
    if let TokenSource::Requested(_) = source {
        // A token that was just issued shows nothing about the file in the agent's pod.
        let evidence = format!("{token}; only a sidecar can check the file itself");
        return Verdict::Ok(Evidence::from(evidence)).into();
    }
    let verdict = match projected_token::remaining_lifetime(&claims) {
        RemainingLifetime::Expired => Verdict::failing(Finding::new(
            M::AwsIrsaTokenExpired,
            format!("{token}: it has expired"),
        )),
        RemainingLifetime::Low => Verdict::Warning(vec![Finding::new(
            M::AwsIrsaTokenExpired,
            format!(
                "{token}: less than {LOW_LIFETIME_PERCENT}% of its lifetime is left, and the \
                 kubelet has not rotated it"
            ),
        )]),
        RemainingLifetime::Sufficient => Verdict::Ok(Evidence::from(token)),
    };
    SourceResult {
        expiry: claims.expiry,
        ..verdict.into()
    }
}

fn failing(mode: M, evidence: String) -> SourceResult {
    Verdict::failing(Finding::new(mode, evidence)).into()
}
