//! Failures of the EC2 instance metadata service.

macro_rules! imds {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Imds: "The EC2 instance metadata service."]
        AwsImdsHopLimit = "aws_imds_hop_limit" {
            category: Unreachable,
            checks: [Imds, AwsCredentials],
            properties: [Timeout],
            meaning: "The instance metadata service responds, but the response with the token \
                never reaches a pod.",
            distinguishing: "The request without a token is answered and the request for a token \
                is not: its response is limited to fewer hops. If neither is answered, it is \
                `aws_imds_unreachable`.",
            remedy: "Raise the hop limit:\n\
                $ aws ec2 modify-instance-metadata-options --instance-id {instance} \
                --http-put-response-hop-limit 2\n\
                Set the same in the launch template or node class. Alternatively, set \
                `EKS_ACCOUNT_ID`, `EKS_REGION` and `EKS_CLUSTER_NAME` and give the service account \
                a role (IRSA), so that instance metadata is not needed.",
        }
        AwsImdsTokenRequired = "aws_imds_token_required" {
            category: Denied,
            checks: [Imds, AwsCredentials, AgentLog],
            meaning: "The instance metadata service requires a token, and the agent sent none.",
            distinguishing: "The service responds, so it is not `aws_imds_unreachable`. Usually \
                the response with the token was dropped by the hop limit.",
            remedy: "Raise the hop limit:\n\
                $ aws ec2 modify-instance-metadata-options --instance-id {instance} --http-tokens \
                required --http-put-response-hop-limit 2\n\
                Alternatively, upgrade the agent, or set `EKS_ACCOUNT_ID`, `EKS_REGION` and \
                `EKS_CLUSTER_NAME` and use IRSA.",
        }
        AwsImdsDisabled = "aws_imds_disabled" {
            category: Misconfigured,
            checks: [Imds, AwsCredentials, AgentLog],
            meaning: "The instance metadata service is disabled, or something in front of it \
                denies access.",
            distinguishing: "The response is 403, or the SDK's own setting \
                (`AWS_EC2_METADATA_DISABLED`) disables it; if there is no response, the mode is \
                `aws_imds_unreachable`.",
            remedy: "Set `EKS_ACCOUNT_ID`, `EKS_REGION` and `EKS_CLUSTER_NAME` and use IRSA, or \
                enable the service:\n\
                $ aws ec2 modify-instance-metadata-options --instance-id {instance} \
                --http-endpoint enabled\n\
                Check for kube2iam or a similar proxy in front of it.",
        }
        AwsImdsUnreachable = "aws_imds_unreachable" {
            category: Unreachable,
            checks: [Imds, AwsCredentials, AgentLog],
            properties: [Timeout],
            meaning: "The instance metadata service does not respond to this pod.",
            distinguishing: "In a log, a hop limit of 1, a policy that drops packets, and an \
                overloaded service look alike; the `imds` check separates them.",
            remedy: "Set `EKS_ACCOUNT_ID`, `EKS_REGION` and `EKS_CLUSTER_NAME` and use IRSA, so \
                that instance metadata is not needed. Alternatively, allow egress to \
                169.254.169.254 and raise the hop limit:\n\
                $ aws ec2 modify-instance-metadata-options --instance-id {instance} \
                --http-put-response-hop-limit 2\n\
                Add `169.254.169.254` to `NO_PROXY`.",
        }
        AwsImdsNoRole = "aws_imds_no_role" {
            category: Misconfigured,
            checks: [Imds, AwsCredentials, AgentLog],
            meaning: "The metadata service works, but the node has no role.",
            distinguishing: "The response is 404, so nothing is blocked.",
            remedy: "Give the service account a role (IRSA):\n\
                $ kubectl annotate serviceaccount -n {namespace} {service_account} \
                eks.amazonaws.com/role-arn=arn:aws:iam::{account}:role/{role}\n\
                Alternatively, attach an instance profile to the node.",
        }
        AwsImdsRoleTrust = "aws_imds_role_trust" {
            category: Denied,
            checks: [Imds, AwsCredentials, AgentLog],
            meaning: "The node has a role, but EC2 is not allowed to assume it.",
            distinguishing: "The metadata service itself reports this.",
            remedy: "Allow `sts:AssumeRole` for `ec2.amazonaws.com` in the role's trust policy. A \
                deleted role gives the same error.",
        }
        AwsImdsServerError = "aws_imds_server_error" {
            category: Error,
            checks: [Imds, AwsCredentials, AgentLog],
            properties: [Transient],
            meaning: "The instance metadata service responds with a server error (5xx).",
            distinguishing: "The service responds, so it is not `aws_imds_unreachable`.",
            remedy: "Wait. If it persists, find the client on this node that sends too many \
                requests, or replace the node.",
        }
    } };
}

pub(super) use imds;
