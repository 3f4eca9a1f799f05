//! Credential errors.

use super::super::{Row, assert_classified, classify_line};

const CREDENTIALS: &[Row] = &[
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: building register cluster request: getting cluster name: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, RequestID: 1-2-3, api error AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity""#,
        "aws_irsa_trust_denied",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: building register cluster request: getting cluster name: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 400, RequestID: 1-2-3, ExpiredTokenException: Token expired: current date/time 1 must be before the expiration date/time0""#,
        "aws_irsa_token_expired",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, exceeded maximum number of attempts, 3, https response error StatusCode: 400, RequestID: 1-2-3, InvalidIdentityToken: No OpenIDConnect provider found in your account for https://oidc.eks.eu-central-1.amazonaws.com/id/ABC""#,
        "aws_irsa_oidc_provider_missing",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, exceeded maximum number of attempts, 3, https response error StatusCode: 400, RequestID: 1-2-3, InvalidIdentityToken: Incorrect token audience""#,
        "aws_irsa_wrong_audience",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, exceeded maximum number of attempts, 3, https response error StatusCode: 400, RequestID: 1-2-3, InvalidIdentityToken: Couldn't retrieve verification key from your identity provider""#,
        "aws_irsa_token_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 400, RequestID: 1-2-3, IDPCommunicationError: cannot reach""#,
        "aws_irsa_idp_unreachable",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: creating aws sdk session: role ARN is not set""#,
        "aws_irsa_role_arn_missing",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: creating aws sdk session: failed to get shared config profile, prod""#,
        "aws_profile_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: creating aws sdk session: open /etc/missing.pem: no such file or directory""#,
        "aws_ca_bundle_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve jwt from provide source, unable to read file at /var/run/secrets/eks.amazonaws.com/serviceaccount/token: open /var/run/secrets/eks.amazonaws.com/serviceaccount/token: no such file or directory""#,
        "aws_irsa_token_file_missing",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [0a1b]: (AccessDeniedException): EKS does not have permissions to assume the associated role., fault: client\n""#,
        "aws_pod_identity_denied",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [0a1b]: (ResourceNotFoundException): no association, fault: client\n""#,
        "aws_pod_identity_no_association",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, exceeded maximum number of attempts, 3, request send failed, Get \"http://169.254.170.23/v1/credentials\": dial tcp 169.254.170.23:80: connect: connection refused""#,
        "aws_pod_identity_agent_unreachable",
    ),
    (
        r#"2026/11/22 13:03:16 Ignoring, HTTP credential provider invalid endpoint host, "169.254.170.23", only loopback hosts are allowed. <nil>"#,
        "aws_pod_identity_unsupported_by_agent_sdk",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata, http response error StatusCode: 404, request to EC2 IMDS failed""#,
        "aws_imds_no_role",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata, request canceled, context deadline exceeded""#,
        "aws_no_credentials",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: getting instance region: operation error ec2imds: GetRegion, canceled, context deadline exceeded""#,
        "aws_imds_unreachable",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: getting instance region: operation error ec2imds: GetRegion, request canceled, context deadline exceeded""#,
        "aws_imds_unreachable",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: getting instance region: operation error ec2imds: GetRegion, http response error StatusCode: 403, request to EC2 IMDS failed""#,
        "aws_imds_disabled",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: getting instance region: operation error ec2imds: GetRegion, http response error StatusCode: 401, request to EC2 IMDS failed""#,
        "aws_imds_token_required",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: request canceled, context deadline exceeded""#,
        "aws_sts_unreachable",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 0, RequestID: , request send failed, Post \"https://sts.eu-central-1.amazonaws.com/\": net/http: TLS handshake timeout""#,
        "tls_handshake_timeout",
    ),
    (
        r#"time="2024-11-22T13:04:54Z" level=error msg="agent stopped with an error: registering cluster: getting cluster name: describing instance_id=i-0abc: NoCredentialProviders: no valid providers in chain\ncaused by: EnvAccessKeyNotFound: failed to find credentials in the environment.\nSharedCredsLoad: failed to load profile, .\nEC2RoleRequestError: no EC2 instance role found\ncaused by: EC2MetadataError: failed to make EC2Metadata request\n\n\tstatus code: 404, request id: ""#,
        "aws_imds_no_role",
    ),
    (
        r#"time="2024-11-22T13:04:54Z" level=error msg="agent stopped with an error: getting provider: configuring aws client: getting instance region: EC2MetadataError: failed to make EC2Metadata request\n\n\tstatus code: 401, request id: ""#,
        "aws_imds_token_required",
    ),
    (
        r#"time="2024-11-22T13:04:54Z" level=error msg="agent stopped with an error: registering cluster: getting cluster name: describing instance_id=i-0abc: WebIdentityErr: failed to retrieve credentials\ncaused by: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity\n\tstatus code: 403, request id: 1-2-3""#,
        "aws_irsa_trust_denied",
    ),
    (
        r#"time="2024-11-22T13:04:54Z" level=error msg="agent stopped with an error: registering cluster: getting cluster name: describing instance_id=i-0abc: RequestError: send request failed\ncaused by: Post \"https://ec2.eu-central-1.amazonaws.com/\": dial tcp 203.0.113.9:443: i/o timeout""#,
        "net_connect_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, failed to resolve service endpoint, endpoint rule error, Invalid Configuration: Missing Region""#,
        "metadata_unresolvable",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, exceeded maximum number of attempts, 3, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 0, RequestID: , request send failed, Post \"https://sts.eu-central-1.amazonaws.com/\": tls: failed to verify certificate: x509: certificate signed by unknown authority""#,
        "tls_unknown_authority",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [x]: (ExpiredTokenException): The token included in the request is expired, fault: client""#,
        "aws_pod_identity_token_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [x]: (ThrottlingException): Rate exceeded, fault: client""#,
        "aws_pod_identity_throttled",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [x]: (InternalServerException): unable to reach, fault: server""#,
        "aws_pod_identity_backend_unreachable",
    ),
];

#[test]
fn credential_errors_have_their_modes() {
    assert_classified(classify_line, CREDENTIALS);
}
