//! What mends it, with the values that were seen.

use crate::catalogue::FailureMode as M;

/// EC2 refuses; `caller` is the quoted ARN.
pub(super) fn refused(mode: M, caller: &str, region: &str, accepted: bool) -> String {
    let attach = attach(caller);
    match mode {
        M::Ec2DeniedIdentityPolicy => format!(": {attach}"),
        M::Ec2DeniedUnspecified => format!(
            ": EC2 does not say which policy denies; {attach}; if that is there, let somebody who may read it: aws sts \
             decode-authorization-message --encoded-message MESSAGE"
        ),
        M::Ec2DeniedExplicitIdentity => {
            ": find the statement with Effect Deny in the policies attached there, and take ec2:DescribeInstances out of it"
                .to_owned()
        }
        M::Ec2DeniedScp => format!(
            ": a service control policy of the organisation denies it, often one that locks regions; let it except this \
             role in {region}"
        ),
        M::Ec2DeniedRcp => ": a resource control policy of the organisation denies it; let it except this role".to_owned(),
        M::Ec2DeniedBoundary => {
            ": add ec2:DescribeInstances to the permissions boundary of this role or user".to_owned()
        }
        M::Ec2DeniedSessionPolicy => ": whoever made this session gave it a policy without ec2:DescribeInstances".to_owned(),
        M::Ec2DeniedVpcePolicy => {
            format!(": allow this caller ec2:DescribeInstances in the policy of the VPC endpoint com.amazonaws.{region}.ec2")
        }
        M::AwsAuthFailureAmbiguous => {
            let other = if accepted {
                "STS accepts the same credentials, so it is hardly the key"
            } else {
                "STS has not accepted these credentials either"
            };
            format!(
                "; EC2 does not say why it does not believe them: {other}; the region {region} may not be switched on for \
                 this account, or the session token comes from the global STS"
            )
        }
        M::AwsSessionExpired => "; temporary keys in a secret end: use the role of the service account".to_owned(),
        M::AwsClockSkew => ": set the clock of this node right (chrony, NTP)".to_owned(),
        M::AwsRegionNotEnabled => format!(": switch the region {region} on for this account, or set EKS_REGION right"),
        M::Ec2Throttled => {
            "; all callers of the account share this: find the noisy one in CloudTrail or Service Quotas".to_owned()
        }
        M::Ec2UnexpectedBody => {
            ": something between here and EC2 answers in its place; the agent takes such a page for an empty list when \
             its status is 200: exempt EC2's name from the proxy, or use a VPC endpoint"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// The command that lets the caller read EC2.
fn attach(caller: &str) -> String {
    let policy = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess";
    let what = caller
        .trim_matches('"')
        .splitn(6, ':')
        .nth(5)
        .unwrap_or_default();
    let name = |text: &str| -> String {
        text.chars()
            .filter(|c| c.is_ascii_alphanumeric() || "+=,.@_-".contains(*c))
            .take(128)
            .collect()
    };
    if let Some(role) = what.strip_prefix("assumed-role/") {
        let role = name(role.split('/').next().unwrap_or_default());
        return format!("aws iam attach-role-policy --role-name {role} --policy-arn {policy}");
    }
    if let Some(user) = what.strip_prefix("user/") {
        let user = name(user.rsplit('/').next().unwrap_or_default());
        return format!("aws iam attach-user-policy --user-name {user} --policy-arn {policy}");
    }
    format!("attach {policy} to the agent's role or user")
}
