//! Remedies for EC2 errors, filled in with the observed values.

use crate::catalogue::FailureMode as M;

/// Returns the remedy for an EC2 error; `caller` is the quoted ARN. `None` if the catalogue's fits.
pub(super) fn for_error(mode: M, caller: &str, region: &str) -> Option<String> {
    let attach = attach_policy_step(caller);
    Some(match mode {
        M::Ec2DeniedIdentityPolicy => attach,
        M::Ec2DeniedUnspecified => format!(
            "{attach}\n\
             If it is already attached, decode EC2's message, which names the denying policy:\n\
             $ aws sts decode-authorization-message --encoded-message MESSAGE"
        ),
        M::Ec2DeniedScp => format!(
            "Exempt this role in {region} from the organisation's service control policy that \
             denies the call, often a region restriction."
        ),
        M::Ec2DeniedVpcePolicy => format!(
            "Allow ec2:DescribeInstances for this caller in the policy of the VPC endpoint \
             com.amazonaws.{region}.ec2. To view it:\n\
             $ aws ec2 describe-vpc-endpoints --filters \
             Name=service-name,Values=com.amazonaws.{region}.ec2 --query \
             'VpcEndpoints[].PolicyDocument'"
        ),
        M::AwsRegionNotEnabled => {
            format!("Enable the region {region} for this account, or correct EKS_REGION.")
        }
        _ => return None,
    })
}

/// Returns what the evidence adds to EC2's message.
pub(super) fn remark(mode: M, region: &str, accepted: bool) -> String {
    match mode {
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
        M::Ec2UnexpectedBody => "; an intermediary answers in EC2's place, and the agent reads \
                                 such a page as an empty list if its status is 200"
            .to_owned(),
        _ => String::new(),
    }
}

/// Returns the step that grants the caller read access to EC2.
fn attach_policy_step(caller: &str) -> String {
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
        return format!(
            "Attach AmazonEC2ReadOnlyAccess to the agent's role:\n\
             $ aws iam attach-role-policy --role-name {role} --policy-arn {policy}"
        );
    }
    if let Some(user) = principal.strip_prefix("user/") {
        let user = name(user.rsplit('/').next().unwrap_or_default());
        return format!(
            "Attach AmazonEC2ReadOnlyAccess to the agent's user:\n\
             $ aws iam attach-user-policy --user-name {user} --policy-arn {policy}"
        );
    }
    format!("Attach {policy} to the agent's role or user.")
}
