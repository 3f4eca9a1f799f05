//! Failures of the EC2 API.

macro_rules! ec2 {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Ec2: "The EC2 API."]
        Ec2DeniedIdentityPolicy = "ec2_denied_identity_policy" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "The role has no permission to call `ec2:DescribeInstances`: no attached \
                policy allows it.",
            distinguishing: "AWS names the kind of policy that is missing; without it the mode is \
                `ec2_denied_unspecified`.",
            remedy: "Attach a policy; `ec2:DescribeInstances` on `*` is enough:\n\
                $ aws iam attach-role-policy --role-name {role} --policy-arn \
                arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess\n\
                Until then, spot nodes may appear as on-demand.",
        }
        Ec2DeniedExplicitIdentity = "ec2_denied_explicit_identity" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "A policy attached to the role explicitly denies `ec2:DescribeInstances`.",
            distinguishing: "An explicit deny wins: allowing the action in another policy does \
                not help.",
            remedy: "Find the statement with `\"Effect\": \"Deny\"` in the role's policies and \
                exempt `ec2:DescribeInstances`.",
        }
        Ec2DeniedScp = "ec2_denied_scp" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "A service control policy of the organisation denies `ec2:DescribeInstances`.",
            distinguishing: "AWS names the kind of policy. Often a policy that restricts regions.",
            remedy: "Have the organisation's administrators exempt the role or the region.",
        }
        Ec2DeniedRcp = "ec2_denied_rcp" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "A resource control policy of the organisation denies the request.",
            distinguishing: "AWS names the kind of policy; without it the mode is \
                `ec2_denied_unspecified`.",
            remedy: "Have the organisation's administrators exempt the role.",
        }
        Ec2DeniedBoundary = "ec2_denied_boundary" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "The role's permissions boundary does not allow `ec2:DescribeInstances`.",
            distinguishing: "The policy may allow it; the boundary limits it.",
            remedy: "Add `ec2:DescribeInstances` to the boundary. To view it:\n\
                $ aws iam get-role --role-name {role} --query Role.PermissionsBoundary",
        }
        Ec2DeniedSessionPolicy = "ec2_denied_session_policy" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "The session policy does not allow `ec2:DescribeInstances`.",
            distinguishing: "The role may allow it; the session was created with narrower \
                permissions.",
            remedy: "Extend the session policy where the credentials are issued (a credential \
                vending tool, or the session policy of Pod Identity).",
        }
        Ec2DeniedResourcePolicy = "ec2_denied_resource_policy" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "A resource policy denies the request.",
            distinguishing: "AWS names the kind of policy; rare for EC2.",
            remedy: "Allow the role in that policy.",
        }
        Ec2DeniedVpcePolicy = "ec2_denied_vpce_policy" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "The policy of the VPC endpoint for EC2 does not allow the request.",
            distinguishing: "From outside this VPC the same role succeeds.",
            remedy: "Allow the role and `ec2:DescribeInstances` in the endpoint policy. To view \
                it:\n\
                $ aws ec2 describe-vpc-endpoints --filters \
                Name=service-name,Values=com.amazonaws.{region}.ec2 --query \
                'VpcEndpoints[].PolicyDocument'",
        }
        Ec2DeniedUnspecified = "ec2_denied_unspecified" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "EC2 denied the request and does not say which policy is responsible.",
            distinguishing: "The response names no kind of policy; the message may be encoded.",
            remedy: "Attach `AmazonEC2ReadOnlyAccess` to the agent's role or user:\n\
                $ aws iam attach-role-policy --role-name {role} --policy-arn \
                arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess\n\
                If it is already attached, decode the message:\n\
                $ aws sts decode-authorization-message --encoded-message MESSAGE",
        }
        Ec2Throttled = "ec2_throttled" {
            category: Throttled,
            checks: [Ec2Api, AgentLog],
            properties: [Transient],
            meaning: "EC2 is throttling requests: the account exceeds its rate limit in this \
                region.",
            distinguishing: "The limit is shared by all tools of the account; status 503 does not \
                mean an outage here.",
            remedy: "Wait. Find the caller with too many requests in CloudTrail \
                (`RequestLimitExceeded`) and slow it down.",
        }
        Ec2ServerError = "ec2_server_error" {
            category: Error,
            checks: [Ec2Api, AgentLog],
            properties: [Transient],
            meaning: "EC2 responds with a server error (5xx).",
            distinguishing: "The error code is neither throttling nor a denial.",
            remedy: "Wait, and check the AWS Health Dashboard for the region.",
        }
        Ec2RegionWrong = "ec2_region_wrong" {
            category: Mismatch,
            checks: [Ec2Api, AgentLog],
            meaning: "EC2 is queried in a region that does not contain these instances, or that \
                does not exist.",
            distinguishing: "The instance is known to be in another region, or its ID does not \
                exist in this one. If its region is unknown, an empty response is \
                `ec2_instance_not_visible`.",
            remedy: "Set `EKS_REGION` to the region of the nodes:\n\
                $ kubectl get nodes -L topology.kubernetes.io/region",
        }
        Ec2InstanceNotVisible = "ec2_instance_not_visible" {
            category: Incomplete,
            checks: [Ec2Api, AgentLog],
            meaning: "EC2 responds, but returns none of this cluster's instances.",
            distinguishing: "There is no error: a wrong region and a wrong account both give an \
                empty response.",
            remedy: "Compare `EKS_REGION` with the region of the nodes:\n\
                $ kubectl get nodes -L topology.kubernetes.io/region\n\
                Compare `EKS_ACCOUNT_ID` with the account of the agent's role:\n\
                $ aws sts get-caller-identity",
        }
        Ec2UnexpectedBody = "ec2_unexpected_body" {
            category: Unreachable,
            checks: [Ec2Api, AgentLog],
            meaning: "Something that is not EC2 responds at EC2's address.",
            distinguishing: "The response is not XML and has no EC2 request ID.",
            remedy: "Look for a proxy or portal. Exempt `ec2.REGION.amazonaws.com` there, or use \
                a VPC endpoint and `NO_PROXY`.",
        }
        Ec2TagsMissing = "ec2_tags_missing" {
            category: Incomplete,
            checks: [Ec2Api, AgentLog],
            meaning: "The node's instance has no tag that names the cluster, so the agent cannot \
                discover the name.",
            distinguishing: "EC2 responds and allows the request; only the tag is missing.",
            remedy: "Set `EKS_ACCOUNT_ID`, `EKS_REGION` and `EKS_CLUSTER_NAME`, or tag the \
                instances with `kubernetes.io/cluster/NAME=owned`.",
        }
    } };
}

pub(super) use ec2;
