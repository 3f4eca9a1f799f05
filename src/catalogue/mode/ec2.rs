//! Failures of the EC2 API.

macro_rules! ec2 {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Ec2: "The EC2 API."]
        Ec2DeniedIdentityPolicy = "ec2_denied_identity_policy" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "The role may not call `ec2:DescribeInstances`: no policy attached to it allows that.",
            distinguishing: "AWS names the kind of policy that is missing; without it the mode is `ec2_denied_unspecified`.",
            remedy: "`aws iam attach-role-policy --role-name ROLE --policy-arn \
                arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess`; `ec2:DescribeInstances` on `*` is enough. Until \
                then spot nodes may show as on-demand.",
        }
        Ec2DeniedExplicitIdentity = "ec2_denied_explicit_identity" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "A policy attached to the role forbids `ec2:DescribeInstances` expressly.",
            distinguishing: "A deny statement: allowing it elsewhere does not help.",
            remedy: "Find the statement with `\"Effect\": \"Deny\"` among the policies of the role and exempt \
                `ec2:DescribeInstances`.",
        }
        Ec2DeniedScp = "ec2_denied_scp" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "A service control policy of the organisation forbids `ec2:DescribeInstances`.",
            distinguishing: "AWS names the kind of policy. Often a lock on regions.",
            remedy: "Ask the organisation's administrators to exempt the role or the region.",
        }
        Ec2DeniedRcp = "ec2_denied_rcp" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "A resource control policy of the organisation forbids the request.",
            distinguishing: "AWS names the kind of policy; without it the mode is `ec2_denied_unspecified`.",
            remedy: "Ask the organisation's administrators to exempt the role.",
        }
        Ec2DeniedBoundary = "ec2_denied_boundary" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "The role's permissions boundary does not allow `ec2:DescribeInstances`.",
            distinguishing: "The policy may allow it; the boundary limits it.",
            remedy: "Add `ec2:DescribeInstances` to the boundary: `aws iam get-role --role-name ROLE --query \
                Role.PermissionsBoundary`.",
        }
        Ec2DeniedSessionPolicy = "ec2_denied_session_policy" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "The policy of this session does not allow `ec2:DescribeInstances`.",
            distinguishing: "The role may allow it; whoever made the session narrowed it.",
            remedy: "Widen the session policy where the credentials are made (a vending tool, Pod Identity's session \
                policy).",
        }
        Ec2DeniedResourcePolicy = "ec2_denied_resource_policy" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "A policy on the resource forbids the request.",
            distinguishing: "AWS names the kind; rare for EC2.",
            remedy: "Amend that policy for the role.",
        }
        Ec2DeniedVpcePolicy = "ec2_denied_vpce_policy" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "The policy of the VPC endpoint for EC2 does not allow the request.",
            distinguishing: "From outside this VPC the same role succeeds.",
            remedy: "Allow the role and `ec2:DescribeInstances` there: `aws ec2 describe-vpc-endpoints --filters \
                Name=service-name,Values=com.amazonaws.REGION.ec2 --query 'VpcEndpoints[].PolicyDocument'`.",
        }
        Ec2DeniedUnspecified = "ec2_denied_unspecified" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "EC2 denies the request and does not say which policy is to blame.",
            distinguishing: "Without a kind of policy in the answer; the message may be encoded.",
            remedy: "Attach `AmazonEC2ReadOnlyAccess` to the agent's role or user: `aws iam attach-role-policy \
                --role-name ROLE --policy-arn arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess`. If it has that: `aws \
                sts decode-authorization-message --encoded-message MESSAGE`.",
        }
        Ec2Throttled = "ec2_throttled" {
            category: Throttled,
            checks: [Ec2Api, AgentLog],
            properties: [Transient],
            meaning: "EC2 turns requests away because the account makes too many in this region.",
            distinguishing: "A limit that all tools of the account share; status 503 does not mean an outage here.",
            remedy: "Wait; find the noisy caller in CloudTrail (`RequestLimitExceeded`) and calm it.",
        }
        Ec2ServerError = "ec2_server_error" {
            category: Error,
            checks: [Ec2Api, AgentLog],
            properties: [Transient],
            meaning: "EC2 answers with an error of its own.",
            distinguishing: "The code is none of throttling or denial.",
            remedy: "Wait, and look at AWS's health page for the region.",
        }
        Ec2RegionWrong = "ec2_region_wrong" {
            category: Mismatch,
            checks: [Ec2Api, AgentLog],
            meaning: "EC2 is asked in a region that does not hold these instances, or that does not exist.",
            distinguishing: "The instance is known to be elsewhere, or its id is unknown there. Where nobody tells in which region it \
                is, an empty answer is `ec2_instance_not_visible`.",
            remedy: "Compare `EKS_REGION` with a node's zone: `kubectl get nodes -L topology.kubernetes.io/region`.",
        }
        Ec2InstanceNotVisible = "ec2_instance_not_visible" {
            category: Incomplete,
            checks: [Ec2Api, AgentLog],
            meaning: "EC2 answers, but shows nothing of this cluster's instances.",
            distinguishing: "No error at all: wrong region and wrong account give an empty answer.",
            remedy: "Compare `EKS_REGION` and `EKS_ACCOUNT_ID` with the nodes (`kubectl get nodes -L \
                topology.kubernetes.io/region`) and with `aws sts get-caller-identity` of the agent's role.",
        }
        Ec2UnexpectedBody = "ec2_unexpected_body" {
            category: Unreachable,
            checks: [Ec2Api, AgentLog],
            meaning: "Something answers at EC2's address that is not EC2.",
            distinguishing: "No XML and no request id of EC2.",
            remedy: "Look for a proxy or a portal: exempt `ec2.REGION.amazonaws.com` there, or use a VPC endpoint and \
                `NO_PROXY`.",
        }
        Ec2TagsMissing = "ec2_tags_missing" {
            category: Incomplete,
            checks: [Ec2Api, AgentLog],
            meaning: "The node's instance carries no tag that names the cluster, so the agent cannot discover the name.",
            distinguishing: "EC2 answers and allows; only the tag is missing.",
            remedy: "Set `EKS_ACCOUNT_ID`, `EKS_REGION` and `EKS_CLUSTER_NAME`, or tag the instances \
                `kubernetes.io/cluster/NAME=owned`.",
        }
    } };
}

pub(super) use ec2;
