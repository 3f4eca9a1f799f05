//! Remedies for rejected AWS credentials, filled in with the observed values.

use crate::aws::credentials::{CachedCredentials, StsExchange};
use crate::catalogue::FailureMode as M;
use crate::checks::aws_credentials::source_result::key_suffix;
use crate::config::agent::aws::CredentialSource;
use crate::kube::token_claims::TokenClaims;
use crate::net::certificate::date;
use crate::report::evidence::quote;

/// Commands that store AWS keys in the agent's Secret and keep its other keys.
const STORE_KEYS: &str = "$ kubectl -n {namespace} patch secret castai-agent -p \
    \"{\\\"stringData\\\":{\
    \\\"AWS_ACCESS_KEY_ID\\\":\\\"${AWS_ACCESS_KEY_ID:?set it first}\\\",\
    \\\"AWS_SECRET_ACCESS_KEY\\\":\\\"${AWS_SECRET_ACCESS_KEY:?set it first}\\\"}}\"\n\
    $ kubectl -n {namespace} rollout restart deploy/{deployment}";
/// Commands that make the agent request new credentials.
const RECREATE_POD: &str =
    "$ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent";

/// Where a rejected access key comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum KeyOrigin {
    /// The agent's Secret.
    Secret,
    /// A profile.
    Profile,
    /// AWS issued it to the pod or the node.
    Issued(&'static str),
}

/// Returns the remedy when STS issues no credentials; `None` if the catalogue's fits.
pub(super) fn explain_assume_role_error(mode: M, exchange: &StsExchange) -> Option<String> {
    match exchange {
        StsExchange::WebIdentity { role, claims } => web_identity_remedy(mode, role, claims),
        StsExchange::AccessKey(role) => {
            access_key_remedy(mode, &key_suffix(&role.key.id), KeyOrigin::Profile)
        }
    }
}

/// Returns the remedy when STS does not return the caller's identity; `None` if the catalogue's
/// fits.
pub(super) fn explain_caller_error(mode: M, cached: &CachedCredentials) -> Option<String> {
    let origin = match cached.source {
        CredentialSource::Static => KeyOrigin::Secret,
        CredentialSource::Profile => KeyOrigin::Profile,
        CredentialSource::WebIdentity | CredentialSource::Container | CredentialSource::Imds => {
            KeyOrigin::Issued(cached.source.label())
        }
    };
    let id = key_suffix(cached.credentials.access_key_id());
    access_key_remedy(mode, &id, origin)
}

fn access_key_remedy(mode: M, id: &str, origin: KeyOrigin) -> Option<String> {
    let why = match mode {
        M::AwsKeyInvalid => "AWS does not know it, so it was deleted or deactivated",
        M::AwsKeySecretWrong => "its secret does not match, or contains a newline",
        M::AwsSessionExpired => "it was temporary and has expired",
        _ => return None,
    };
    Some(match origin {
        KeyOrigin::Secret if mode == M::AwsSessionExpired => format!(
            "Use a service-account role, which renews its credentials, instead of the access key \
             {id} in the Secret castai-agent: {why}."
        ),
        KeyOrigin::Secret => format!(
            "Store a valid access key in the Secret castai-agent instead of {id}: {why}.\n\
             {STORE_KEYS}"
        ),
        KeyOrigin::Profile => {
            format!("Replace the access key {id} in the profile that the agent uses: {why}.")
        }
        KeyOrigin::Issued(source) => format!(
            "Recreate the agent's pod, so that it gets new credentials. The access key {id} is in \
             no Secret: AWS issued it ({source}), and {why}.\n{RECREATE_POD}\n\
             If it happens again, check that the role still exists, and the node's clock."
        ),
    })
}

/// Describes the token that STS rejected.
pub(super) fn token_facts(exchange: &StsExchange) -> String {
    let StsExchange::WebIdentity { claims, .. } = exchange else {
        return String::new();
    };
    let text = |value: &Option<String>| quote(value.as_deref().unwrap_or_default().as_bytes());
    format!(
        "; the agent's token has iss {}, sub {}, aud {}",
        text(&claims.issuer),
        text(&claims.subject),
        quote(claims.audiences.join(", ").as_bytes())
    )
}

fn web_identity_remedy(mode: M, role: &str, claims: &TokenClaims) -> Option<String> {
    let text = |value: &Option<String>| quote(value.as_deref().unwrap_or_default().as_bytes());
    let (issuer, subject) = (text(&claims.issuer), text(&claims.subject));
    let audience = quote(claims.audiences.join(", ").as_bytes());
    let host = claims.issuer.as_deref().unwrap_or_default();
    let host = shell_safe(host.strip_prefix("https://").unwrap_or(host));
    let account = shell_safe(role.split(':').nth(4).unwrap_or_default());
    let name = shell_safe(role.rsplit('/').next().unwrap_or_default());
    let provider = format!("arn:aws:iam::{account}:oidc-provider/{host}");
    Some(match mode {
        M::AwsIrsaTrustDenied => format!(
            "Allow sts:AssumeRoleWithWebIdentity in the role's trust policy for {provider}, with \
             {host}:sub = {subject} and {host}:aud = {audience}. Show the policy; AWS returns the \
             same error for a role that does not exist:\n\
             $ aws iam get-role --role-name {name} --query Role.AssumeRolePolicyDocument"
        ),
        M::AwsIrsaOidcProviderMissing => format!(
            "Create an OIDC provider for the token's issuer {issuer} in the role's account \
             {account}:\n\
             $ eksctl utils associate-iam-oidc-provider --approve --cluster CLUSTER"
        ),
        M::AwsIrsaWrongAudience => format!(
            "Add the token's audience {audience} to the provider, or remove the annotation \
             eks.amazonaws.com/audience:\n\
             $ aws iam add-client-id-to-open-id-connect-provider \
             --open-id-connect-provider-arn {provider} --client-id sts.amazonaws.com"
        ),
        M::AwsIrsaTokenExpired => format!(
            "Recreate the agent's pod: its token expired {}.\n{RECREATE_POD}\n\
             If it happens again, check that the kubelet renews the token and that the clocks \
             agree.",
            claims
                .expiry
                .map_or_else(|| "at an unknown time".to_owned(), date)
        ),
        M::AwsIrsaTokenInvalid | M::AwsIrsaIdpUnreachable => format!(
            "Make the keys of issuer {issuer} readable by STS. Test from outside the cluster:\n\
             $ curl -s https://{host}/.well-known/openid-configuration"
        ),
        M::AwsStsDenied => "Allow the call in the policy of the STS VPC endpoint or of the \
            organisation, which denies it before the role is evaluated."
            .to_owned(),
        M::AgentConfigInvalid => format!(
            "Correct the annotation eks.amazonaws.com/role-arn of the service account; the role is \
             {}.",
            quote(role.as_bytes())
        ),
        _ => return None,
    })
}

/// Strips characters that are unsafe in a command.
fn shell_safe(word: &str) -> String {
    word.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-._/+=,@".contains(*c))
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fix_of_a_rejected_key_fits_its_source() {
        let fix = |origin| access_key_remedy(M::AwsKeyInvalid, "…KEY", origin).unwrap();
        let stored = fix(KeyOrigin::Secret);
        assert!(
            stored.contains("$ kubectl -n {namespace} patch secret"),
            "{stored}"
        );
        assert!(fix(KeyOrigin::Profile).contains("in the profile"));
        let issued = fix(KeyOrigin::Issued("instance metadata"));
        assert!(issued.contains("is in no Secret"), "{issued}");
        assert!(
            issued.contains(RECREATE_POD) && !issued.contains("patch secret"),
            "{issued}"
        );
        assert_eq!(
            access_key_remedy(M::AwsClockSkew, "…KEY", KeyOrigin::Secret),
            None
        );
    }
}
