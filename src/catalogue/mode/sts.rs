//! Failures of the AWS identity, and of the AWS Security Token Service.

macro_rules! sts {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Sts: "The AWS identity and the AWS Security Token Service."]
        AwsKeyInvalid = "aws_key_invalid" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "AWS does not recognise the access key.",
            distinguishing: "The key ID is wrong, deleted or disabled, or belongs to another \
                partition; if only its secret is wrong, it is `aws_key_secret_wrong`.",
            remedy: "Store a valid key, without a trailing newline, in the Secret `castai-agent` \
                (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), then restart the agent:\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}\n\
                Better: remove both and use IRSA.",
        }
        AwsKeySecretWrong = "aws_key_secret_wrong" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "AWS recognises the access key, but the signature made with its secret is \
                wrong.",
            distinguishing: "The time was not the problem, which would be `aws_clock_skew`.",
            remedy: "Store the secret again; a trailing newline or double base64 encoding corrupts \
                it:\n\
                $ kubectl -n {namespace} patch secret castai-agent -p \
                \"{\\\"stringData\\\":{\
                \\\"AWS_ACCESS_KEY_ID\\\":\\\"${AWS_ACCESS_KEY_ID:?set it first}\\\",\
                \\\"AWS_SECRET_ACCESS_KEY\\\":\\\"${AWS_SECRET_ACCESS_KEY:?set it first}\\\"}}\"\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}\n\
                Otherwise find the proxy that rewrites headers.",
        }
        AwsClockSkew = "aws_clock_skew" {
            category: Denied,
            checks: [StsIdentity, Ec2Api, AgentLog],
            meaning: "AWS rejected the signature because of its timestamp.",
            distinguishing: "AWS names the time as the reason, or the `Date` of its response \
                differs by more than five minutes. `RequestExpired` alone does not say whether \
                the clock or the session is at fault.",
            remedy: "Fix time synchronisation on the node, and compare with the `clock` check:\n\
                $ chronyc tracking",
        }
        AwsSessionExpired = "aws_session_expired" {
            category: Denied,
            checks: [StsIdentity, Ec2Api, AgentLog],
            meaning: "The agent uses temporary credentials that have expired.",
            distinguishing: "The credentials include a session token; long-lived keys do not \
                expire.",
            remedy: "Replace the temporary keys: use IRSA, or the long-lived key of an IAM user. \
                Do not store temporary keys in the Secret.",
        }
        AwsRegionNotEnabled = "aws_region_not_enabled" {
            category: Denied,
            checks: [StsIdentity, Ec2Api, AgentLog],
            meaning: "The account has not enabled this region, or the session token is not valid \
                there.",
            distinguishing: "Only this region rejects the request; identity and keys are valid.",
            remedy: "Enable the region in the account, or correct `EKS_REGION`. Old agents need \
                `AWS_STS_REGIONAL_ENDPOINTS=regional`.",
        }
        AwsAuthFailureAmbiguous = "aws_auth_failure_ambiguous" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "AWS cannot validate the credentials and does not say why.",
            distinguishing: "A wrong clock, a deleted key, an expired session and a region that \
                is not enabled all give this response; the `sts_identity` and `clock` checks \
                separate them.",
            remedy: "Look at the `sts_identity` and `clock` checks first. Then list the credential \
                sources in use:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} --list --resolve | grep -o \
                '^AWS_[A-Z_]*'",
        }
        AwsAccountMismatch = "aws_account_mismatch" {
            category: Mismatch,
            checks: [StsIdentity],
            meaning: "The agent authenticates to an AWS account other than the cluster's.",
            distinguishing: "The credentials are accepted. `EKS_ACCOUNT_ID`, or else the node's \
                own account, is compared with the account that AWS reports, after a number such \
                as `5.892517896e+11` is converted back to digits.",
            remedy: "If `EKS_ACCOUNT_ID` is wrong, set it:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} EKS_ACCOUNT_ID={account}\n\
                If the credentials are wrong, give the agent a role or key from the cluster's \
                account: those of another account see none of its instances.",
        }
        AwsRoleMismatch = "aws_role_mismatch" {
            category: Mismatch,
            checks: [StsIdentity],
            meaning: "The agent authenticates to AWS as an identity other than its configured \
                role.",
            distinguishing: "The credentials are accepted, so it is not `aws_irsa_*`: another \
                source, usually static keys, takes precedence over the role's token.",
            remedy: "Remove the static keys. List them:\n\
                $ kubectl -n {namespace} get secret castai-agent -o yaml | grep -oE '^ \
                +AWS_[A-Z_]+'\n\
                Delete them from the Secret, then restart the agent:\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}",
        }
        AwsSlow = "aws_slow" {
            category: Slow,
            checks: [StsIdentity, Ec2Api],
            properties: [Timeout],
            meaning: "AWS responds, but so late that the agent's snapshots are delayed.",
            distinguishing: "A response did arrive, unlike in `http_timeout` and \
                `tls_handshake_timeout`; the evidence names the slow phase.",
            remedy: "Check the phase in the evidence. Slow resolution: the resolver. Slow \
                connection or handshake: the egress path (NAT gateway, proxy, VPC endpoint). Slow \
                response: AWS itself, or throttling. Compare with \
                `castai_health_phase_duration_seconds` of the other checks.",
        }
        AwsStsUnreachable = "aws_sts_unreachable" {
            category: Unreachable,
            checks: [AgentLog],
            meaning: "Credentials could not be fetched in time, most likely because STS is \
                unreachable; the text does not name a phase.",
            distinguishing: "The `sts_identity` check names the phase; rely on that instead.",
            remedy: "Create a VPC endpoint for `sts` if the cluster is private. List the existing \
                ones:\n\
                $ aws ec2 describe-vpc-endpoints --filters \
                Name=service-name,Values=com.amazonaws.{region}.sts\n\
                Agents up to v0.95 also need `AWS_STS_REGIONAL_ENDPOINTS=regional`.",
        }
        AwsStsDenied = "aws_sts_denied" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "STS denied a request that every identity is allowed to make.",
            distinguishing: "Only a VPC endpoint policy, an organisation policy or a proxy can do \
                that; the role's own policy cannot.",
            remedy: "Check the endpoint policy:\n\
                $ aws ec2 describe-vpc-endpoints --filters \
                Name=service-name,Values=com.amazonaws.{region}.sts --query \
                'VpcEndpoints[].PolicyDocument'\n\
                Then check the organisation's policies.",
        }
        AwsStsThrottled = "aws_sts_throttled" {
            category: Throttled,
            checks: [StsIdentity, AgentLog],
            properties: [Transient],
            meaning: "STS is throttling requests.",
            distinguishing: "Transient, and affects the whole account.",
            remedy: "Wait. Use the regional endpoint, and find the caller that sends too many \
                requests in CloudTrail.",
        }
        AwsStsServerError = "aws_sts_server_error" {
            category: Error,
            checks: [StsIdentity, AgentLog],
            properties: [Transient],
            meaning: "STS responds with a server error (5xx).",
            distinguishing: "The request arrived; if there is no response, the mode is \
                `aws_sts_unreachable`.",
            remedy: "Wait, and check the AWS Health Dashboard for the region.",
        }
    } };
}

pub(super) use sts;
