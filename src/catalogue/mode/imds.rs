//! Failures of the EC2 instance metadata service.

macro_rules! imds {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Imds: "The EC2 instance metadata service."]
        AwsImdsHopLimit = "aws_imds_hop_limit" {
            category: Unreachable,
            checks: [Imds, AwsCredentials],
            properties: [Timeout],
            meaning: "The instance metadata service is there, but the answer that would give a pod its token never arrives.",
            distinguishing: "The request without a token is answered and the one for a token is not: its answer may make fewer \
                hops. If neither is answered, it is `aws_imds_unreachable`.",
            remedy: "`aws ec2 modify-instance-metadata-options --instance-id i-… --http-put-response-hop-limit 2`, and the \
                same in the launch template or node class; or set `EKS_ACCOUNT_ID`, `EKS_REGION`, `EKS_CLUSTER_NAME` \
                and give the service account a role (IRSA), so that it is not needed.",
        }
        AwsImdsTokenRequired = "aws_imds_token_required" {
            category: Denied,
            checks: [Imds, AwsCredentials, AgentLog],
            meaning: "The instance metadata service demands a token, and the agent came without one.",
            distinguishing: "It answers, so it is not `aws_imds_unreachable`. Mostly the token's request died on the hop limit.",
            remedy: "`aws ec2 modify-instance-metadata-options --instance-id i-… --http-tokens required \
                --http-put-response-hop-limit 2`, or a newer agent, or set `EKS_ACCOUNT_ID`, `EKS_REGION`, \
                `EKS_CLUSTER_NAME` and use IRSA.",
        }
        AwsImdsDisabled = "aws_imds_disabled" {
            category: Misconfigured,
            checks: [Imds, AwsCredentials, AgentLog],
            meaning: "The instance metadata service is switched off, or something in front of it forbids it.",
            distinguishing: "An answer of 403, or the SDK's own setting (`AWS_EC2_METADATA_DISABLED`); silence is \
                `aws_imds_unreachable`.",
            remedy: "Set `EKS_ACCOUNT_ID`, `EKS_REGION`, `EKS_CLUSTER_NAME` and use IRSA, or switch it on: `aws ec2 \
                modify-instance-metadata-options --instance-id i-… --http-endpoint enabled`. Is kube2iam or a \
                similar proxy in between.",
        }
        AwsImdsUnreachable = "aws_imds_unreachable" {
            category: Unreachable,
            checks: [Imds, AwsCredentials, AgentLog],
            properties: [Timeout],
            meaning: "The instance metadata service does not answer from this pod.",
            distinguishing: "From a log a hop limit of 1, a policy that drops, and an overloaded service look alike; the check \
                `imds` tells them apart.",
            remedy: "Set `EKS_ACCOUNT_ID`, `EKS_REGION`, `EKS_CLUSTER_NAME` and use IRSA, so that it is not needed; or \
                allow egress to 169.254.169.254 and raise the hop limit: `aws ec2 modify-instance-metadata-options \
                --instance-id i-… --http-put-response-hop-limit 2`. Put `169.254.169.254` into `NO_PROXY`.",
        }
        AwsImdsNoRole = "aws_imds_no_role" {
            category: Misconfigured,
            checks: [Imds, AwsCredentials, AgentLog],
            meaning: "The metadata service works, but the node has no role.",
            distinguishing: "An answer of 404, so nothing is blocked.",
            remedy: "Give the service account a role (IRSA): `kubectl annotate serviceaccount -n castai-agent \
                castai-agent eks.amazonaws.com/role-arn=arn:aws:iam::ACCOUNT:role/ROLE`, or attach an instance \
                profile to the node.",
        }
        AwsImdsRoleTrust = "aws_imds_role_trust" {
            category: Denied,
            checks: [Imds, AwsCredentials, AgentLog],
            meaning: "The node has a role, but EC2 may not take it.",
            distinguishing: "The metadata service says so in its own document.",
            remedy: "The role's trust policy must allow `sts:AssumeRole` to `ec2.amazonaws.com`; a deleted role looks the \
                same.",
        }
        AwsImdsServerError = "aws_imds_server_error" {
            category: Error,
            checks: [Imds, AwsCredentials, AgentLog],
            properties: [Transient],
            meaning: "The instance metadata service answers with an error of its own.",
            distinguishing: "It answers, so it is not `aws_imds_unreachable`.",
            remedy: "Wait and retry; reduce whoever asks it too often on this node. If it stays, replace the node.",
        }
    } };
}

pub(super) use imds;
