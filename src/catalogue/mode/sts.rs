//! Failures of the AWS identity, and of the AWS Security Token Service.

macro_rules! sts {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [Sts: "The AWS identity and the AWS Security Token Service."]
        AwsKeyInvalid = "aws_key_invalid" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "AWS does not know the access key.",
            distinguishing: "The key's id is wrong, deleted, disabled or of another partition; if only its secret is wrong it is \
                `aws_key_secret_wrong`.",
            remedy: "Put a living key, without a line feed, into the secret `castai-agent` (`AWS_ACCESS_KEY_ID`, \
                `AWS_SECRET_ACCESS_KEY`) and `kubectl -n castai-agent rollout restart deploy/castai-agent`; better, \
                remove both and use IRSA.",
        }
        AwsKeySecretWrong = "aws_key_secret_wrong" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "AWS knows the access key, but the signature made with its secret is wrong.",
            distinguishing: "The time is not the complaint, which would be `aws_clock_skew`.",
            remedy: "Write the secret anew with `kubectl create secret generic … --from-literal` (a line feed or a second \
                base64 spoils it), or find the proxy that rewrites headers.",
        }
        AwsClockSkew = "aws_clock_skew" {
            category: Denied,
            checks: [StsIdentity, Ec2Api, AgentLog],
            meaning: "AWS rejects the signature because of its time.",
            distinguishing: "AWS speaks of the time itself, or the `Date` of its refusal is more than five minutes off. \
                `RequestExpired` alone does not say whether the clock or the session is to blame.",
            remedy: "Repair time synchronisation on the node: `chronyc tracking`. Compare with the check `clock`.",
        }
        AwsSessionExpired = "aws_session_expired" {
            category: Denied,
            checks: [StsIdentity, Ec2Api, AgentLog],
            meaning: "The agent uses temporary keys whose time is over.",
            distinguishing: "A session token, not a key: keys without session do not expire.",
            remedy: "Do not put temporary keys into the secret; use IRSA, or a user's long-lived key.",
        }
        AwsRegionNotEnabled = "aws_region_not_enabled" {
            category: Denied,
            checks: [StsIdentity, Ec2Api, AgentLog],
            meaning: "The account has not enabled this region, or the session token is not valid there.",
            distinguishing: "Only this region refuses; identity and keys are fine.",
            remedy: "Enable the region in the account, or correct `EKS_REGION`; old agents need \
                `AWS_STS_REGIONAL_ENDPOINTS=regional`.",
        }
        AwsAuthFailureAmbiguous = "aws_auth_failure_ambiguous" {
            category: Denied,
            checks: [Ec2Api, AgentLog],
            meaning: "AWS cannot validate the credentials, and does not say why.",
            distinguishing: "At least a wrong clock, a dead key, an expired session and a region that is not enabled give the \
                same answer; the checks `sts_identity` and `clock` tell them apart.",
            remedy: "Look at the checks `sts_identity` and `clock` first. Then: `kubectl -n castai-agent set env \
                deploy/castai-agent --list --resolve | grep -o '^AWS_[A-Z_]*'` shows which source is used.",
        }
        AwsAccountMismatch = "aws_account_mismatch" {
            category: Mismatch,
            checks: [StsIdentity],
            meaning: "AWS takes the agent for somebody of another account than the cluster's.",
            distinguishing: "The credentials are accepted. `EKS_ACCOUNT_ID`, or else the node's own account, is compared with what \
                AWS says, after a number such as `5.892517896e+11` was turned back into digits.",
            remedy: "If `EKS_ACCOUNT_ID` is wrong, set it: `kubectl -n castai-agent set env deploy/castai-agent \
                EKS_ACCOUNT_ID=000000000000`. If the credentials are, give the agent a role or key of the cluster's \
                account: those of another account see none of its instances.",
        }
        AwsRoleMismatch = "aws_role_mismatch" {
            category: Mismatch,
            checks: [StsIdentity],
            meaning: "AWS takes the agent for somebody else than the role that it is given.",
            distinguishing: "The credentials are accepted, so it is no `aws_irsa_*`: another source goes before the role's token, \
                mostly static keys.",
            remedy: "Take the keys away: `kubectl -n castai-agent get secret castai-agent -o yaml | grep -oE \
                '^  AWS_[A-Z_]+'` shows them; remove them, then `kubectl -n castai-agent rollout restart \
                deploy/castai-agent`.",
        }
        AwsSlow = "aws_slow" {
            category: Slow,
            checks: [StsIdentity, Ec2Api],
            properties: [Timeout],
            meaning: "AWS answers, but so late that the agent's snapshots wait for it.",
            distinguishing: "It was answered, in contrast to `http_timeout` and `tls_handshake_timeout`; the evidence names the \
                phase that took long.",
            remedy: "Look at the phase in the evidence: a slow name points to the resolver, a slow connection or handshake to \
                the way (NAT gateway, proxy, VPC endpoint), a slow answer to AWS or to throttling. Compare with \
                `castai_health_phase_duration_seconds` of the other checks.",
        }
        AwsStsUnreachable = "aws_sts_unreachable" {
            category: Unreachable,
            checks: [AgentLog],
            meaning: "Credentials could not be fetched in time, most likely because STS cannot be reached, and the text \
                names no phase.",
            distinguishing: "The check `sts_identity` names the phase; trust it more.",
            remedy: "A private cluster needs a VPC endpoint for `sts`: `aws ec2 describe-vpc-endpoints --filters \
                Name=service-name,Values=com.amazonaws.REGION.sts`. Agents up to v0.95 need \
                `AWS_STS_REGIONAL_ENDPOINTS=regional` with it.",
        }
        AwsStsDenied = "aws_sts_denied" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "STS denies a request that every identity may make.",
            distinguishing: "Only a VPC-endpoint policy, an organisation's policy or a proxy can do that; the role's own policy \
                cannot.",
            remedy: "Read the endpoint's policy: `aws ec2 describe-vpc-endpoints --filters \
                Name=service-name,Values=com.amazonaws.REGION.sts --query 'VpcEndpoints[].PolicyDocument'`, and the \
                organisation's policies.",
        }
        AwsStsThrottled = "aws_sts_throttled" {
            category: Throttled,
            checks: [StsIdentity, AgentLog],
            properties: [Transient],
            meaning: "STS turns requests away because there are too many.",
            distinguishing: "Passing, and of the whole account.",
            remedy: "Wait. Use the regional endpoint, and find who asks too often in CloudTrail.",
        }
        AwsStsServerError = "aws_sts_server_error" {
            category: Error,
            checks: [StsIdentity, AgentLog],
            properties: [Transient],
            meaning: "STS answers with an error of its own.",
            distinguishing: "The request arrived; a silence is `aws_sts_unreachable`.",
            remedy: "Wait, and look at AWS's health page for the region.",
        }
    } };
}

pub(super) use sts;
