//! Failures of the sources of AWS credentials: static keys, profiles, IRSA and EKS Pod Identity.

macro_rules! aws_credentials {
    ($next:ident! $($rest:tt)*) => { $next! { $($rest)*
        [AwsCredentials: "Sources of AWS credentials: static keys, profiles, IRSA, EKS Pod Identity."]
        AwsNoCredentials = "aws_no_credentials" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "The agent finds no AWS credentials: no keys, no service-account role, no \
                node role.",
            distinguishing: "A source that exists and fails has its own mode (`aws_irsa_*`, \
                `aws_pod_identity_*`, `aws_imds_*`); here there was none, or the text does not \
                say which one failed.",
            remedy: "Give the agent a role:\n\
                $ kubectl annotate serviceaccount -n {namespace} {service_account} \
                eks.amazonaws.com/role-arn=arn:aws:iam::{account}:role/{role}\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}\n\
                Alternatively, store `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` in the Secret \
                `castai-agent`. With `EKS_ACCOUNT_ID`, `EKS_REGION` and `EKS_CLUSTER_NAME` set, \
                the agent starts without credentials.",
        }
        AwsKeyIncomplete = "aws_key_incomplete" {
            category: Misconfigured,
            checks: [AwsCredentials],
            meaning: "An access key ID is set without its secret, or the secret without the ID; \
                the agent ignores both.",
            distinguishing: "The agent logs nothing and uses its next credential source; only its \
                environment shows it. A complete but wrong key is `aws_key_invalid` or \
                `aws_key_secret_wrong`.",
            remedy: "Store both in the Secret, or neither, then restart the agent:\n\
                $ kubectl -n {namespace} patch secret castai-agent -p \
                \"{\\\"stringData\\\":{\
                \\\"AWS_ACCESS_KEY_ID\\\":\\\"${AWS_ACCESS_KEY_ID:?set it first}\\\",\
                \\\"AWS_SECRET_ACCESS_KEY\\\":\\\"${AWS_SECRET_ACCESS_KEY:?set it first}\\\"}}\"\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}",
        }
        AwsProfileInvalid = "aws_profile_invalid" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "The configured AWS profile does not exist or its file cannot be read; the \
                agent does not start.",
            distinguishing: "Only possible where `AWS_PROFILE` or a credentials file is set; keys \
                in the environment take precedence over it.",
            remedy: "Remove the profile, or mount the file that contains it:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} AWS_PROFILE-",
        }
        AwsCaBundleInvalid = "aws_ca_bundle_invalid" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "The file in `AWS_CA_BUNDLE` is missing or contains no certificate; the \
                agent does not start.",
            distinguishing: "The file is read before any request is sent; a certificate that the \
                bundle does not cover is `tls_unknown_authority`.",
            remedy: "Mount the file at that path, or remove the variable:\n\
                $ kubectl -n {namespace} set env deploy/{deployment} AWS_CA_BUNDLE-",
        }
        AwsIrsaNotInjected = "aws_irsa_not_injected" {
            category: Degraded,
            checks: [AwsCredentials],
            meaning: "The agent's service account is annotated with a role, but the role was not \
                injected into the agent's pod.",
            distinguishing: "The live annotation is compared with the pod's environment; STS was \
                not called. An injected role that differs from the annotation is \
                `aws_role_mismatch`.",
            remedy: "Restart the agent, because the EKS webhook injects the role only into new \
                pods:\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}\n\
                If it happens again, check the pod for an annotation \
                `eks.amazonaws.com/skip-containers`, and check that the webhook works:\n\
                $ kubectl get mutatingwebhookconfiguration pod-identity-webhook",
        }
        AwsIrsaRoleArnMissing = "aws_irsa_role_arn_missing" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "The pod has a web-identity token, but `AWS_ROLE_ARN` is not set; the agent \
                does not start.",
            distinguishing: "The variables were set by hand; the EKS webhook always sets both.",
            remedy: "Remove the hand-written variables and annotate the service account:\n\
                $ kubectl annotate serviceaccount -n {namespace} {service_account} \
                eks.amazonaws.com/role-arn=arn:aws:iam::{account}:role/{role}\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}\n\
                Otherwise set both variables or neither.",
        }
        AwsIrsaTokenFileMissing = "aws_irsa_token_file_missing" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "The web-identity token file is missing or cannot be read.",
            distinguishing: "STS was not called yet. A token that STS rejects is \
                `aws_irsa_token_expired` or `aws_irsa_token_invalid`.",
            remedy: "Recreate the pod:\n\
                $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent\n\
                If the file exists but is not readable, keep `fsGroup: 65532` in the pod's \
                security context.",
        }
        AwsIrsaTokenExpired = "aws_irsa_token_expired" {
            category: Denied,
            checks: [AwsCredentials, StsIdentity, AgentLog],
            meaning: "The web-identity token has expired or is about to; STS rejects it.",
            distinguishing: "The token is old, not wrong; expired temporary keys are \
                `aws_session_expired`.",
            remedy: "Recreate the pod:\n\
                $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent\n\
                If it happens again, the kubelet does not renew the token, or the node's clock is \
                wrong. Never copy a token into a Secret.",
        }
        AwsIrsaWrongAudience = "aws_irsa_wrong_audience" {
            category: Denied,
            checks: [AwsCredentials, StsIdentity, AgentLog],
            meaning: "The web-identity token was issued for an audience other than STS.",
            distinguishing: "The token itself shows it, or STS says so after it found the \
                provider; so it is not `aws_irsa_oidc_provider_missing`.",
            remedy: "Set the token's audience to `sts.amazonaws.com`, and make sure that the IAM \
                OIDC provider lists it:\n\
                $ aws iam get-open-id-connect-provider --open-id-connect-provider-arn ARN\n\
                Check the service account for a stray annotation `eks.amazonaws.com/audience`.",
        }
        AwsIrsaOidcProviderMissing = "aws_irsa_oidc_provider_missing" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "The role's AWS account has no IAM OIDC provider for this cluster.",
            distinguishing: "STS names the issuer that it does not know. If STS knows the issuer \
                but denies the request, it is `aws_irsa_trust_denied`.",
            remedy: "Create the provider in the role's account:\n\
                $ eksctl utils associate-iam-oidc-provider --cluster CLUSTER --approve\n\
                A recreated cluster has a new issuer; update the trust policies of roles that name \
                the old one.",
        }
        AwsIrsaTokenInvalid = "aws_irsa_token_invalid" {
            category: Denied,
            checks: [AwsCredentials, StsIdentity, AgentLog],
            meaning: "The web-identity token is empty or malformed, or STS cannot verify it.",
            distinguishing: "The reason is neither its age, nor its audience, nor the provider.",
            remedy: "Compare the issuer with that of the OIDC provider:\n\
                $ aws eks describe-cluster --name CLUSTER --query cluster.identity.oidc.issuer\n\
                Check that its keys are public, with ISSUER from the output:\n\
                $ curl -s ISSUER/.well-known/openid-configuration\n\
                After a rotation of the signing keys, recreate the pod.",
        }
        AwsIrsaTrustDenied = "aws_irsa_trust_denied" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "STS does not allow this service account to assume the role.",
            distinguishing: "The token is valid; the role's trust policy, or a policy above it, \
                denies the request. A role that can be assumed but lacks EC2 permissions is \
                `ec2_denied_identity_policy`.",
            remedy: "Correct the role's trust policy: it must name the cluster's OIDC provider, \
                `sub` = `system:serviceaccount:{namespace}:{service_account}` and `aud` = \
                `sts.amazonaws.com`. Show it:\n\
                $ aws iam get-role --role-name {role} --query Role.AssumeRolePolicyDocument\n\
                A deleted role, an organisation policy and an endpoint policy give the same error.",
        }
        AwsIrsaIdpUnreachable = "aws_irsa_idp_unreachable" {
            category: Denied,
            checks: [StsIdentity, AgentLog],
            meaning: "STS could not reach the cluster's OIDC issuer to verify the token.",
            distinguishing: "The failure is between AWS and the issuer, not between this pod and \
                AWS.",
            remedy: "Wait: usually transient. If it persists, make the issuer reachable from the \
                internet; a private issuer is not supported.",
        }
        AwsPodIdentityAgentUnreachable = "aws_pod_identity_agent_unreachable" {
            category: Unreachable,
            checks: [AwsCredentials, AgentLog],
            properties: [Timeout],
            meaning: "The EKS Pod Identity agent on this node does not respond.",
            distinguishing: "Nothing listens on its link-local address, or the path to it is \
                blocked. If it responds with a refusal, it is `aws_pod_identity_denied`.",
            remedy: "Check that it is installed and running on this node:\n\
                $ kubectl -n kube-system get pods -l app.kubernetes.io/name=eks-pod-identity-agent \
                -o wide\n\
                Install it:\n\
                $ aws eks create-addon --cluster-name CLUSTER --addon-name \
                eks-pod-identity-agent\n\
                Allow egress to 169.254.170.23:80, and add `169.254.170.23` to `NO_PROXY`.",
        }
        AwsPodIdentityDenied = "aws_pod_identity_denied" {
            category: Denied,
            checks: [AwsCredentials, AgentLog],
            meaning: "EKS is not allowed to assume the role associated with the service account.",
            distinguishing: "The association exists; the role's trust policy does not allow \
                `pods.eks.amazonaws.com`.",
            remedy: "Allow `sts:AssumeRole` and `sts:TagSession` for the principal \
                `pods.eks.amazonaws.com` in the role's trust policy. Show it:\n\
                $ aws iam get-role --role-name {role} --query Role.AssumeRolePolicyDocument",
        }
        AwsPodIdentityTokenInvalid = "aws_pod_identity_token_invalid" {
            category: Denied,
            checks: [AwsCredentials, AgentLog],
            meaning: "The Pod Identity agent rejected the pod's token.",
            distinguishing: "The token is missing, stale or malformed; the role was not evaluated \
                yet.",
            remedy: "Recreate the pod:\n\
                $ kubectl -n {namespace} delete pod -l app.kubernetes.io/name=castai-agent\n\
                The token's audience must be `pods.eks.amazonaws.com`.",
        }
        AwsPodIdentityNoAssociation = "aws_pod_identity_no_association" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "EKS has no Pod Identity association for this service account.",
            distinguishing: "The node's Pod Identity agent and the token work.",
            remedy: "Create the association, then restart the agent:\n\
                $ aws eks create-pod-identity-association --cluster-name CLUSTER --namespace \
                {namespace} --service-account {service_account} --role-arn ROLE_ARN\n\
                $ kubectl -n {namespace} rollout restart deploy/{deployment}",
        }
        AwsPodIdentityThrottled = "aws_pod_identity_throttled" {
            category: Throttled,
            checks: [AwsCredentials, AgentLog],
            properties: [Transient],
            meaning: "EKS is throttling requests for pod credentials.",
            distinguishing: "Transient; the request was not denied.",
            remedy: "Wait: the request is retried. If it persists, look for many pods that start \
                at the same time, or for one that crash-loops.",
        }
        AwsPodIdentityBackendUnreachable = "aws_pod_identity_backend_unreachable" {
            category: Unreachable,
            checks: [AwsCredentials, AgentLog],
            meaning: "The Pod Identity agent responds, but cannot reach the EKS Auth service.",
            distinguishing: "The egress path of the node is blocked, not that of the pod.",
            remedy: "Allow the node to reach `eks-auth.REGION.api.aws` on port 443, or create a \
                VPC endpoint for `eks-auth`. Read the log:\n\
                $ kubectl -n kube-system logs -l app.kubernetes.io/name=eks-pod-identity-agent",
        }
        AwsPodIdentityUnsupportedByAgentSdk = "aws_pod_identity_unsupported_by_agent_sdk" {
            category: Misconfigured,
            checks: [AwsCredentials, AgentLog],
            meaning: "This agent is too old for EKS Pod Identity: its AWS SDK rejects the address \
                of the credentials.",
            distinguishing: "Detected before any request is sent. Agents v0.94.0 and later accept \
                it.",
            remedy: "Upgrade the agent:\n\
                $ helm repo update\n\
                $ helm upgrade {release} castai-helm/castai-agent -n {namespace} --reuse-values\n\
                Until then, use a service-account role (IRSA).",
        }
    } };
}

pub(super) use aws_credentials;
