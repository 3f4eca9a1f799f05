//! Remedies for rejected AWS credentials, filled in with the observed values.

use crate::aws::credentials::{CachedCredentials, StsExchange};
use crate::catalogue::FailureMode as M;
use crate::checks::aws_credentials::source_result::key_suffix;
use crate::config::agent::aws::CredentialSource;
use crate::kube::token_claims::TokenClaims;
use crate::net::certificate::date;
use crate::report::evidence::quote;

/// Returns the remedy when STS issues no credentials.
pub(super) fn explain_assume_role_error(mode: M, exchange: &StsExchange) -> String {
    match exchange {
        StsExchange::WebIdentity { role, claims } => web_identity_remedy(mode, role, claims),
        StsExchange::AccessKey(role) => {
            access_key_remedy(mode, &key_suffix(&role.key.id), "the profile")
        }
    }
}

/// Returns the remedy when STS does not return the caller's identity.
pub(super) fn explain_caller_error(mode: M, cached: &CachedCredentials) -> String {
    let location = match cached.source {
        CredentialSource::Static => "the secret castai-agent",
        CredentialSource::Profile => "the profile",
        CredentialSource::WebIdentity | CredentialSource::Container | CredentialSource::Imds => {
            "the credentials that AWS issued"
        }
    };
    access_key_remedy(
        mode,
        &key_suffix(cached.credentials.access_key_id()),
        location,
    )
}

fn access_key_remedy(mode: M, id: &str, location: &str) -> String {
    match mode {
        M::AwsKeyInvalid => format!(
            ": replace the access key {id} in {location}; AWS does not know it, so it was \
             deleted or deactivated (see IAM in the console)"
        ),
        M::AwsKeySecretWrong => format!(
            ": recreate the access key {id} and its secret in {location} with --from-literal; \
             the secret does not match the key, or contains a newline"
        ),
        M::AwsSessionExpired => format!(
            ": use a service-account role, which renews its credentials; the key {id} in \
             {location} was temporary and has expired"
        ),
        M::AwsClockSkew => ": synchronise this node's clock (chrony, NTP)".to_owned(),
        M::AwsRegionNotEnabled => {
            ": enable the region for this account, or correct EKS_REGION".to_owned()
        }
        _ => String::new(),
    }
}

fn web_identity_remedy(mode: M, role: &str, claims: &TokenClaims) -> String {
    let text = |value: &Option<String>| quote(value.as_deref().unwrap_or_default().as_bytes());
    let (issuer, subject) = (text(&claims.issuer), text(&claims.subject));
    let audience = quote(claims.audiences.join(", ").as_bytes());
    let host = claims.issuer.as_deref().unwrap_or_default();
    let host = shell_safe(host.strip_prefix("https://").unwrap_or(host));
    let account = shell_safe(role.split(':').nth(4).unwrap_or_default());
    let name = shell_safe(role.rsplit('/').next().unwrap_or_default());
    let provider = format!("arn:aws:iam::{account}:oidc-provider/{host}");
    match mode {
        M::AwsIrsaTrustDenied => format!(
            ": the role's trust policy must allow sts:AssumeRoleWithWebIdentity for {provider} \
             with {host}:sub = {subject} and {host}:aud = {audience}; the agent's token has iss \
             {issuer}, sub {subject}, aud {audience}; compare with aws iam get-role --role-name \
             {name} --query Role.AssumeRolePolicyDocument (AWS returns the same error for a role \
             that does not exist)"
        ),
        M::AwsIrsaOidcProviderMissing => format!(
            ": create an OIDC provider for the token's issuer {issuer} in the role's account \
             {account}: eksctl utils associate-iam-oidc-provider --approve --cluster CLUSTER"
        ),
        M::AwsIrsaWrongAudience => format!(
            ": the token's audience is {audience}; add it to the provider: aws iam \
             add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {provider} \
             --client-id sts.amazonaws.com, or remove the annotation eks.amazonaws.com/audience"
        ),
        M::AwsIrsaTokenExpired => format!(
            ": the token expired {}; delete the pod, then check that the kubelet renews the \
             token and that the clocks agree",
            claims
                .expiry
                .map_or_else(|| "at an unknown time".to_owned(), date)
        ),
        M::AwsIrsaTokenInvalid | M::AwsIrsaIdpUnreachable => format!(
            ": make the keys of issuer {issuer} readable by STS; test \
             https://{host}/.well-known/openid-configuration from outside the cluster"
        ),
        M::AwsStsDenied => {
            ": a policy of the STS VPC endpoint or of the organisation denies the call before \
             the role is evaluated; allow it there"
                .to_owned()
        }
        M::AgentConfigInvalid => {
            format!(
                ": correct the annotation eks.amazonaws.com/role-arn; the role is {}",
                quote(role.as_bytes())
            )
        }
        _ => String::new(),
    }
}

/// Strips characters that are unsafe in a command.
fn shell_safe(word: &str) -> String {
    word.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-._/+=,@".contains(*c))
        .take(200)
        .collect()
}
