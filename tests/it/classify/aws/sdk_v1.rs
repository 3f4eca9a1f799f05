//! Errors of AWS SDK v1.

use super::super::{Row, assert_classified, classify_line};

/// Messages of AWS SDK v1 on one line, as they follow `agent stopped with an error: `; the
/// innermost cause counts.
const SDK_V1: &[Row] = &[
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: WebIdentityErr: failed fetching WebIdentity token: \ncaused by: WebIdentityErr: unable to read file at /var/run/secrets/eks.amazonaws.com/serviceaccount/token\ncaused by: open /var/run/secrets/eks.amazonaws.com/serviceaccount/token: permission denied",
        "aws_irsa_token_file_missing",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: WebIdentityErr: failed to retrieve credentials\ncaused by: InvalidIdentityToken: No OpenIDConnect provider found in your account for https://oidc.eks.eu-central-1.amazonaws.com/id/ABC\n\tstatus code: 400, request id: 1-2-3",
        "aws_irsa_oidc_provider_missing",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: WebIdentityErr: failed to retrieve credentials\ncaused by: ExpiredTokenException: Token expired: current date/time 1732280694 must be before the expiration date/time1732277094\n\tstatus code: 400, request id: 1-2-3",
        "aws_irsa_token_expired",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: WebIdentityErr: failed to retrieve credentials\ncaused by: InvalidIdentityToken: Incorrect token audience\n\tstatus code: 400, request id: 1-2-3",
        "aws_irsa_wrong_audience",
    ),
    (
        r#"registering cluster: getting cluster name: describing instance_id=i-0abc: WebIdentityErr: failed to retrieve credentials\ncaused by: RequestError: send request failed\ncaused by: Post \"https://sts.amazonaws.com/\": dial tcp 52.119.1.1:443: i/o timeout"#,
        "net_connect_timeout",
    ),
    (
        r#"registering cluster: getting cluster name: describing instance_id=i-0abc: RequestError: send request failed\ncaused by: Post \"https://ec2.eu-central-1.amazonaws.com/\": x509: certificate signed by unknown authority"#,
        "tls_unknown_authority",
    ),
    (
        r#"registering cluster: getting cluster name: describing instance_id=i-0abc: RequestError: send request failed\ncaused by: Post \"https://ec2.eu-central-1.amazonaws.com/\": Proxy Authentication Required"#,
        "proxy_auth_required",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: AuthFailure: AWS was not able to validate the provided access credentials\n\tstatus code: 401, request id: 1-2-3",
        "aws_auth_failure_ambiguous",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: RequestLimitExceeded: Request limit exceeded.\n\tstatus code: 503, request id: 1-2-3",
        "ec2_throttled",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\tstatus code: 403, request id: 1-2-3",
        "aws_key_secret_wrong",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: InvalidInstanceID.NotFound: The instance ID 'i-0abc' does not exist\n\tstatus code: 400, request id: 1-2-3",
        "ec2_region_wrong",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: ec2:DescribeInstances with an explicit deny in a service control policy\n\tstatus code: 403, request id: 1-2-3",
        "ec2_denied_scp",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: OptInRequired: You are not subscribed to this service. Please go to http://aws.amazon.com to subscribe.\n\tstatus code: 401, request id: 1",
        "aws_region_not_enabled",
    ),
    (
        r#"getting provider: configuring aws client: getting instance region: RequestError: send request failed\ncaused by: Get \"http://169.254.169.254/latest/dynamic/instance-identity/document\": dial tcp 169.254.169.254:80: connect: connection refused"#,
        "aws_imds_unreachable",
    ),
    (
        r"getting provider: configuring aws client: getting instance region: EC2MetadataRequestError: failed to get EC2 instance identity document\ncaused by: EC2MetadataError: failed to make EC2Metadata request\n\n\tstatus code: 403, request id: ",
        "aws_imds_disabled",
    ),
    (
        r"getting provider: configuring aws client: SharedConfigProfileNotExistsError: failed to get profile, prod",
        "aws_profile_invalid",
    ),
    (
        r"getting provider: configuring aws client: SharedConfigLoadError: failed to load config file, /root/.aws/config\ncaused by: INIParseError: invalid state with ASTKind",
        "aws_profile_invalid",
    ),
    (
        r"getting provider: configuring aws client: LoadCustomCABundleError: failed to load custom CA bundle PEM file",
        "aws_ca_bundle_invalid",
    ),
    (
        r#"registering cluster: getting cluster name: describing instance_id=i-0abc: NoCredentialProviders: no valid providers in chain\ncaused by: EnvAccessKeyNotFound: AWS_ACCESS_KEY_ID or AWS_ACCESS_KEY not found in environment\nSharedCredsLoad: failed to load shared credentials file\ncaused by: FailedRead: unable to open file\ncaused by: open /.aws/credentials: no such file or directory\nEC2RoleRequestError: no EC2 instance role found\ncaused by: RequestError: send request failed\ncaused by: Get \"http://169.254.169.254/latest/meta-data/iam/security-credentials/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"#,
        "aws_no_credentials",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: NoCredentialProviders: no valid providers in chain. Deprecated.\n\tFor verbose messaging see aws.Config.CredentialsChainVerboseErrors",
        "aws_no_credentials",
    ),
    (
        r"registering cluster: getting cluster name: MissingRegion: could not find region configuration",
        "metadata_unresolvable",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: SerializationError: failed to unmarshal response error\n\tstatus code: 403, request id: \ncaused by: UnmarshalError: failed to unmarshal error message\n\t00000000  3c 68 74 6d 6c 3e\ncaused by: unknown error response tag, {{ html} []}",
        "ec2_unexpected_body",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: RequestCanceled: request context canceled\ncaused by: context deadline exceeded",
        "net_no_answer",
    ),
    (
        r#"registering cluster: getting cluster name: describing instance_id=i-0abc: CredentialsEndpointError: failed to load credentials\ncaused by: RequestError: send request failed\ncaused by: Get \"http://169.254.170.23/v1/credentials\": dial tcp 169.254.170.23:80: connect: connection refused"#,
        "aws_pod_identity_agent_unreachable",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: ExpiredToken: The security token included in the request is expired\n\tstatus code: 400, request id: 1-2-3",
        "aws_session_expired",
    ),
    (
        r"registering cluster: getting cluster name: describing instance_id=i-0abc: InvalidClientTokenId: The security token included in the request is invalid\n\tstatus code: 403, request id: 1-2-3",
        "aws_key_invalid",
    ),
];

#[test]
fn sdk_v1_multi_line_errors_have_their_modes() {
    assert_classified(
        |error| {
            classify_line(&format!(
                "time=\"2024-11-22T13:04:54Z\" level=error msg=\"agent stopped with an error: {error}\" provider=eks"
            ))
        },
        SDK_V1,
    );
}
