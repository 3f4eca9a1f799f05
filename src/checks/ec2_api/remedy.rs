//! Remedies for EC2 errors, filled in with the observed values.

use crate::catalogue::FailureMode as M;

/// Returns the remedy for an EC2 error; `caller` is the quoted ARN.
pub(super) fn for_error(mode: M, caller: &str, region: &str, accepted: bool) -> String {
    let attach = attach_policy_command(caller);
    match mode {
        M::Ec2DeniedIdentityPolicy => format!(": {attach}"),
        M::Ec2DeniedUnspecified => format!(
            ": {attach}; if the policy is already attached, decode EC2's message, which names \
             the denying policy: aws sts decode-authorization-message --encoded-message MESSAGE"
        ),
        M::Ec2DeniedExplicitIdentity => {
            ": remove ec2:DescribeInstances from the statement with Effect Deny in the caller's \
             policies"
                .to_owned()
        }
        M::Ec2DeniedScp => format!(
            ": exempt this role in {region} from the organisation's service control policy that \
             denies the call, often a region restriction"
        ),
        M::Ec2DeniedRcp => ": exempt this role from the organisation's resource control policy \
                            that denies the call"
            .to_owned(),
        M::Ec2DeniedBoundary => {
            ": add ec2:DescribeInstances to the permissions boundary of this role or user"
                .to_owned()
        }
        M::Ec2DeniedSessionPolicy => {
            ": add ec2:DescribeInstances to the session policy that was passed when this session \
             was created"
                .to_owned()
        }
        M::Ec2DeniedVpcePolicy => {
            format!(
                ": allow ec2:DescribeInstances for this caller in the policy of the VPC \
                     endpoint com.amazonaws.{region}.ec2"
            )
        }
        M::AwsAuthFailureAmbiguous => {
            let other = if accepted {
                "STS accepts the same credentials, so the key is probably valid"
            } else {
                "STS has not accepted these credentials either, so check the key first"
            };
            format!(
                "; EC2 does not report why it rejects the credentials: {other}; the region \
                 {region} may not be enabled for this account, or the session token comes from \
                 the global STS endpoint"
            )
        }
        M::AwsSessionExpired => {
            ": use a service-account role; temporary keys in a secret expire".to_owned()
        }
        M::AwsClockSkew => ": synchronise this node's clock (chrony, NTP)".to_owned(),
        M::AwsRegionNotEnabled => {
            format!(": enable the region {region} for this account, or correct EKS_REGION")
        }
        M::Ec2Throttled => {
            ": find the caller that exceeds the account's shared request quota in CloudTrail or \
             Service Quotas"
                .to_owned()
        }
        M::Ec2UnexpectedBody => {
            ": exempt EC2's host name from the proxy, or use a VPC endpoint; an intermediary \
             answers in EC2's place, and the agent reads such a page as an empty list if its \
             status is 200"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// Returns the command that grants the caller read access to EC2.
fn attach_policy_command(caller: &str) -> String {
    let policy = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess";
    let principal = caller
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
    if let Some(role) = principal.strip_prefix("assumed-role/") {
        let role = name(role.split('/').next().unwrap_or_default());
        return format!("aws iam attach-role-policy --role-name {role} --policy-arn {policy}");
    }
    if let Some(user) = principal.strip_prefix("user/") {
        let user = name(user.rsplit('/').next().unwrap_or_default());
        return format!("aws iam attach-user-policy --user-name {user} --policy-arn {policy}");
    }
    format!("attach {policy} to the agent's role or user")
}
