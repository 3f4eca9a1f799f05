//! Failures of the sources of AWS credentials: static keys, profiles, IRSA and EKS Pod Identity.

macro_rules! aws_credentials {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [AwsCredentials: "Sources of AWS credentials: static keys, profiles, IRSA, EKS Pod Identity."]
        AwsNoCredentials = "aws_no_credentials" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "The agent finds no AWS credentials anywhere: no keys, no role of its service account, no role of the \
                node.",
            distinguishing: "A source that exists and fails has a mode of its own (`aws_irsa_*`, `aws_pod_identity_*`, \
                `aws_imds_*`); here there was none, or the text does not say which one failed.",
            remedy: "Give the agent a role: `kubectl annotate serviceaccount -n castai-agent castai-agent \
                eks.amazonaws.com/role-arn=arn:aws:iam::ACCOUNT:role/ROLE` and `kubectl -n castai-agent rollout \
                restart deploy/castai-agent`. Or put `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` into the secret \
                `castai-agent`. With `EKS_ACCOUNT_ID`, `EKS_REGION` and `EKS_CLUSTER_NAME` set, it starts without.",
        }
        AwsKeyIncomplete = "aws_key_incomplete" {
            category: Misconfigured,
            checks: [AwsCredentials],
            meaning: "An access key's id is set without its secret, or the secret without the id: the agent ignores both.",
            distinguishing: "The agent says nothing of it and takes its next source; only its environment shows it. A key that is \
                whole and wrong is `aws_key_invalid` or `aws_key_secret_wrong`.",
            remedy: "Put both into the secret, or neither: `kubectl -n castai-agent create secret generic castai-agent \
                --from-literal=API_KEY=… --from-literal=AWS_ACCESS_KEY_ID=… --from-literal=AWS_SECRET_ACCESS_KEY=… \
                --dry-run=client -o yaml | kubectl apply -f -`, then `kubectl -n castai-agent rollout restart \
                deploy/castai-agent`.",
        }
        AwsProfileInvalid = "aws_profile_invalid" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "The named AWS profile does not exist or its file cannot be read: the agent does not start.",
            distinguishing: "Only where `AWS_PROFILE` or a credentials file is given; keys from the environment would not ask for \
                it.",
            remedy: "Take it away: `kubectl -n castai-agent set env deploy/castai-agent AWS_PROFILE-`, or mount the file \
                that holds the profile.",
        }
        AwsCaBundleInvalid = "aws_ca_bundle_invalid" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "The file that `AWS_CA_BUNDLE` names is missing or holds no certificate: the agent does not start.",
            distinguishing: "The file is read before anything is asked; a certificate that the bundle does not cover is \
                `tls_unknown_authority`.",
            remedy: "Mount the file at that path, or take the variable away: `kubectl -n castai-agent set env \
                deploy/castai-agent AWS_CA_BUNDLE-`.",
        }
        AwsIrsaNotInjected = "aws_irsa_not_injected" {
            category: Degraded,
            checks: [AwsCredentials],
            meaning: "The agent's service account has a role by its annotation, but the agent's pod was not given it.",
            distinguishing: "The live annotation is compared with the pod's own variables; STS was not asked. A role that is given and \
                differs from the annotation is `aws_role_mismatch`.",
            remedy: "The webhook of EKS gives the role only to a new pod: `kubectl -n castai-agent rollout restart \
                deploy/castai-agent`. If it comes back, is there an annotation `eks.amazonaws.com/skip-containers` on the \
                pod, and does the webhook work: `kubectl get mutatingwebhookconfiguration pod-identity-webhook`?",
        }
        AwsIrsaRoleArnMissing = "aws_irsa_role_arn_missing" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "The pod has a web-identity token, but `AWS_ROLE_ARN` is not set: the agent does not start.",
            distinguishing: "Set by hand; the webhook of EKS always sets both variables.",
            remedy: "Set both or neither; best remove the hand-written ones and annotate the account: `kubectl annotate \
                serviceaccount -n castai-agent castai-agent \
                eks.amazonaws.com/role-arn=arn:aws:iam::ACCOUNT:role/ROLE`, then `kubectl -n castai-agent rollout \
                restart deploy/castai-agent`.",
        }
        AwsIrsaTokenFileMissing = "aws_irsa_token_file_missing" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "The file with the web-identity token is missing or cannot be read.",
            distinguishing: "STS was not asked yet. A token that STS rejects is `aws_irsa_token_expired` or \
                `aws_irsa_token_invalid`.",
            remedy: "Make a new pod: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`. If the \
                file is there but not readable, keep `fsGroup: 65532` in the pod's security context.",
        }
        AwsIrsaTokenExpired = "aws_irsa_token_expired" {
            category: Denied,
            checks: [AwsCredentials, StsIdentity, AgentLog],
            meaning: "The time of the web-identity token is over, or nearly: STS rejects it.",
            distinguishing: "The token is old, not wrong; keys that were temporary are `aws_session_expired`.",
            remedy: "Make a new pod: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`. If it \
                comes back, the kubelet does not renew the token or the node's clock is wrong. Never copy a token \
                into a secret.",
        }
        AwsIrsaWrongAudience = "aws_irsa_wrong_audience" {
            category: Denied,
            checks: [AwsCredentials, StsIdentity, AgentLog],
            meaning: "The web-identity token was made for another audience than STS.",
            distinguishing: "The token itself says so, or STS, which found its provider; so it is not \
                `aws_irsa_oidc_provider_missing`.",
            remedy: "The token's audience must be `sts.amazonaws.com` and the IAM OIDC provider must list it: `aws iam \
                get-open-id-connect-provider --open-id-connect-provider-arn ARN`. Look for a stray annotation \
                `eks.amazonaws.com/audience` on the service account.",
        }
        AwsIrsaOidcProviderMissing = "aws_irsa_oidc_provider_missing" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "The role's account has no IAM OIDC provider for this cluster.",
            distinguishing: "STS names the issuer it does not know. If it knows it but denies, it is `aws_irsa_trust_denied`.",
            remedy: "In the account of the role: `eksctl utils associate-iam-oidc-provider --cluster CLUSTER --approve`. \
                A cluster that was made anew has a new issuer; roles of the old one must be changed.",
        }
        AwsIrsaTokenInvalid = "aws_irsa_token_invalid" {
            category: Denied,
            checks: [AwsCredentials, StsIdentity, AgentLog],
            meaning: "The web-identity token is empty or no token at all, or STS cannot verify it.",
            distinguishing: "Neither its age nor its audience nor the provider is the reason.",
            remedy: "Compare the issuer with the OIDC provider's and see that its keys are public: `aws eks \
                describe-cluster --name CLUSTER --query cluster.identity.oidc.issuer`, then open \
                ISSUER/.well-known/openid-configuration. Make a new pod after a rotation of the signing keys.",
        }
        AwsIrsaTrustDenied = "aws_irsa_trust_denied" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "STS does not let this service account take the role.",
            distinguishing: "The token is good; the role's trust policy, or a policy above it, says no. A role that exists and \
                lacks EC2 rights is `ec2_denied_identity_policy`.",
            remedy: "The trust policy must name the cluster's OIDC provider, `sub` = \
                `system:serviceaccount:castai-agent:castai-agent` and `aud` = `sts.amazonaws.com`: `aws iam get-role \
                --role-name ROLE --query Role.AssumeRolePolicyDocument`. Also a deleted role, an organisation's \
                policy or an endpoint policy says this.",
        }
        AwsIrsaIdpUnreachable = "aws_irsa_idp_unreachable" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "STS could not reach the cluster's OIDC issuer to verify the token.",
            distinguishing: "The fault is between AWS and the issuer, not between this pod and AWS.",
            remedy: "Mostly passing: try again. A private issuer must be reachable from the internet.",
        }
        AwsPodIdentityAgentUnreachable = "aws_pod_identity_agent_unreachable" {
            category: Unreachable,
            checks: [AwsCredentials, AgentLog],
            properties: [Timeout],
            meaning: "The EKS Pod Identity agent of this node does not answer.",
            distinguishing: "Nobody listens on its link-local address, or the way there is shut. If it answers with a refusal it \
                is `aws_pod_identity_denied`.",
            remedy: "Is it installed and running on this node: `kubectl -n kube-system get pods -l \
                app.kubernetes.io/name=eks-pod-identity-agent -o wide`; install: `aws eks create-addon \
                --cluster-name CLUSTER --addon-name eks-pod-identity-agent`. Allow egress to 169.254.170.23:80, and \
                put `169.254.170.23` into `NO_PROXY`.",
        }
        AwsPodIdentityDenied = "aws_pod_identity_denied" {
            category: Denied,
            checks: [AwsCredentials, AgentLog],
            meaning: "EKS may not take the role that is associated with the service account.",
            distinguishing: "The association exists; the role's trust policy does not let `pods.eks.amazonaws.com` in.",
            remedy: "Let the trust policy allow `sts:AssumeRole` and `sts:TagSession` to the principal \
                `pods.eks.amazonaws.com`: `aws iam get-role --role-name ROLE --query Role.AssumeRolePolicyDocument`.",
        }
        AwsPodIdentityTokenInvalid = "aws_pod_identity_token_invalid" {
            category: Denied,
            checks: [AwsCredentials, AgentLog],
            meaning: "The Pod Identity agent does not accept the pod's token.",
            distinguishing: "A token is missing, stale or malformed; the role was not looked at yet.",
            remedy: "Make a new pod: `kubectl -n castai-agent delete pod -l app.kubernetes.io/name=castai-agent`. The \
                token's audience must be `pods.eks.amazonaws.com`.",
        }
        AwsPodIdentityNoAssociation = "aws_pod_identity_no_association" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "EKS knows no Pod Identity association for this service account.",
            distinguishing: "The node's agent and the token are fine.",
            remedy: "Create it: `aws eks create-pod-identity-association --cluster-name CLUSTER --namespace castai-agent \
                --service-account castai-agent --role-arn ROLE_ARN`, then restart the agent.",
        }
        AwsPodIdentityThrottled = "aws_pod_identity_throttled" {
            category: Throttled,
            checks: [AwsCredentials, AgentLog],
            properties: [Transient],
            meaning: "EKS turns requests for pod credentials away because there are too many.",
            distinguishing: "A passing refusal, not a denial.",
            remedy: "Wait; it is retried. If it stays, many pods start at the same time or one of them crash-loops.",
        }
        AwsPodIdentityBackendUnreachable = "aws_pod_identity_backend_unreachable" {
            category: Unreachable,
            checks: [AwsCredentials, AgentLog],
            meaning: "The Pod Identity agent answers, but cannot reach the EKS Auth service behind it.",
            distinguishing: "The way from the node is shut, not the way from the pod.",
            remedy: "Let the node reach `eks-auth.REGION.api.aws` on 443, or create a VPC endpoint for `eks-auth`. See \
                `kubectl -n kube-system logs -l app.kubernetes.io/name=eks-pod-identity-agent`.",
        }
        AwsPodIdentityUnsupportedByAgentSdk = "aws_pod_identity_unsupported_by_agent_sdk" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "This agent is too old for EKS Pod Identity: its AWS SDK refuses the credentials' address.",
            distinguishing: "Seen before anything is sent. Agents from v0.94.0 on accept it.",
            remedy: "Upgrade: `helm repo update && helm upgrade castai-agent castai-helm/castai-agent -n castai-agent \
                --reuse-values`. Until then use a role of the service account (IRSA).",
        }
    } };
}

pub(super) use aws_credentials;
