//! What mends it, with the values that were seen.

use crate::aws::session::{Exchange, Held};
use crate::catalogue::FailureMode as M;
use crate::checks::aws_credentials::shown;
use crate::config::aws::Source;
use crate::kube::service_account_token::Claims;
use crate::net::certificate::date;
use crate::report::evidence::quote;

/// STS does not give credentials.
pub(super) fn not_given(mode: M, exchange: &Exchange) -> String {
    match exchange {
        Exchange::WebIdentity { role, claims } => of_web_identity(mode, role, claims),
        Exchange::Key(role) => of_key(mode, &shown(&role.key.id), "the profile"),
    }
}

/// STS does not say who the caller is.
pub(super) fn not_known(mode: M, held: &Held) -> String {
    let place = match held.source {
        Source::Static => "the secret castai-agent",
        Source::Profile => "the profile",
        Source::WebIdentity | Source::Container | Source::Imds => "AWS itself",
    };
    of_key(mode, &shown(held.credentials.access_key_id()), place)
}

fn of_key(mode: M, id: &str, place: &str) -> String {
    match mode {
        M::AwsKeyInvalid => format!(
            ": AWS does not know the key {id} of {place}; see in the console whether it was deleted or switched off, and \
             put a living one there"
        ),
        M::AwsKeySecretWrong => format!(
            ": the secret beside the key {id} of {place} is not its secret, or holds a line feed; write both anew with \
             --from-literal"
        ),
        M::AwsSessionExpired => format!(
            ": the key {id} of {place} was temporary and is over; use the role of the service account, which renews \
             itself"
        ),
        M::AwsClockSkew => ": set the clock of this node right (chrony, NTP)".to_owned(),
        M::AwsRegionNotEnabled => {
            ": switch the region on for this account, or set EKS_REGION right".to_owned()
        }
        _ => String::new(),
    }
}

fn of_web_identity(mode: M, role: &str, claims: &Claims) -> String {
    let text = |value: &Option<String>| quote(value.as_deref().unwrap_or_default().as_bytes());
    let (issuer, subject) = (text(&claims.issuer), text(&claims.subject));
    let audience = quote(claims.audiences.join(", ").as_bytes());
    let host = claims.issuer.as_deref().unwrap_or_default();
    let host = plain(host.strip_prefix("https://").unwrap_or(host));
    let account = plain(role.split(':').nth(4).unwrap_or_default());
    let name = plain(role.rsplit('/').next().unwrap_or_default());
    let provider = format!("arn:aws:iam::{account}:oidc-provider/{host}");
    match mode {
        M::AwsIrsaTrustDenied => format!(
            ": the token says iss {issuer}, sub {subject}, aud {audience}; the role's trust policy has to allow \
             sts:AssumeRoleWithWebIdentity to {provider} with {host}:sub = {subject} and {host}:aud = {audience}; compare \
             with aws iam get-role --role-name {name} --query Role.AssumeRolePolicyDocument (a role that does not exist \
             is refused in the same words)"
        ),
        M::AwsIrsaOidcProviderMissing => format!(
            ": the account {account} of the role has no OIDC provider for the token's issuer {issuer}; make one there: \
             eksctl utils associate-iam-oidc-provider --approve --cluster CLUSTER"
        ),
        M::AwsIrsaWrongAudience => format!(
            ": the token is for {audience}; let the provider take it: aws iam add-client-id-to-open-id-connect-provider \
             --open-id-connect-provider-arn {provider} --client-id sts.amazonaws.com, or take the annotation \
             eks.amazonaws.com/audience away"
        ),
        M::AwsIrsaTokenExpired => format!(
            ": the token ended {}; delete the pod, and see whether the kubelet renews it and the clocks agree",
            claims.expiry.map_or_else(|| "at no time that it tells".to_owned(), date)
        ),
        M::AwsIrsaTokenInvalid | M::AwsIrsaIdpUnreachable => format!(
            ": STS has to be able to read the keys of the issuer {issuer}; ask for https://{host}/.well-known/openid-configuration \
             from outside"
        ),
        M::AwsStsDenied => {
            ": the policy of the VPC endpoint for STS, or one of the organisation, stands before the role".to_owned()
        }
        M::AgentConfigInvalid => {
            format!(": see the annotation eks.amazonaws.com/role-arn; the role is {}", quote(role.as_bytes()))
        }
        _ => String::new(),
    }
}

/// A word as it may stand in a command.
fn plain(word: &str) -> String {
    word.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-._/+=,@".contains(*c))
        .take(200)
        .collect()
}
