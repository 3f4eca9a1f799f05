//! AWS errors as the agent's SDKs v1 and v2 print them, and error bodies as received.

mod credentials;
mod sdk_v1;

use super::*;

const DOCUMENT: &[Row] = &[
    (
        r#"time="2021-05-06T14:24:03Z" level=fatal msg="agent failed: registering cluster: getting cluster name: describing instance_id=i-026b5fadab5b69d67: UnauthorizedOperation: You are not authorized to perform this operation.\n\tstatus code: 403, request id: 2165c357-b4a6-4f30-9266-a51f4aaa7ce7""#,
        "ec2_denied_unspecified",
    ),
    (
        r#"time="2021-05-06T14:24:03Z" level=fatal msg=agent failed: getting provider: configuring aws client: NoCredentialProviders: no valid providers in chain""#,
        "aws_no_credentials",
    ),
];

#[test]
fn lines_of_the_troubleshooting_document_have_their_modes() {
    assert_classified(classify_line, DOCUMENT);
}

/// Messages that follow `operation error EC2: DescribeInstances, https response error StatusCode:
/// …, RequestID: …, `.
const EC2_ERRORS: &[Row] = &[
    (
        "api error UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action",
        "ec2_denied_identity_policy",
    ),
    (
        "api error UnauthorizedOperation: You are not authorized to perform this operation.",
        "ec2_denied_unspecified",
    ),
    (
        "api error UnauthorizedOperation: You are not authorized to perform this operation. Encoded authorization failure message: AbCdEf",
        "ec2_denied_unspecified",
    ),
    (
        "api error UnauthorizedOperation: … with an explicit deny in an identity-based policy",
        "ec2_denied_explicit_identity",
    ),
    (
        "api error UnauthorizedOperation: … with an explicit deny in a service control policy",
        "ec2_denied_scp",
    ),
    (
        "api error UnauthorizedOperation: … with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/service_control_policy/p-1",
        "ec2_denied_scp",
    ),
    (
        "api error UnauthorizedOperation: … because no service control policy allows the ec2:DescribeInstances action",
        "ec2_denied_scp",
    ),
    (
        "api error UnauthorizedOperation: … with an explicit deny in a resource control policy",
        "ec2_denied_rcp",
    ),
    (
        "api error UnauthorizedOperation: … because no permissions boundary allows the ec2:DescribeInstances action",
        "ec2_denied_boundary",
    ),
    (
        "api error UnauthorizedOperation: … because no session policy allows the ec2:DescribeInstances action",
        "ec2_denied_session_policy",
    ),
    (
        "api error UnauthorizedOperation: … with an explicit deny in a resource-based policy",
        "ec2_denied_resource_policy",
    ),
    (
        "api error UnauthorizedOperation: … because no VPC endpoint policy allows the ec2:DescribeInstances action",
        "ec2_denied_vpce_policy",
    ),
    (
        "api error AuthFailure: AWS was not able to validate the provided access credentials",
        "aws_auth_failure_ambiguous",
    ),
    (
        "api error RequestExpired: Request has expired.",
        "aws_auth_failure_ambiguous",
    ),
    (
        "api error RequestLimitExceeded: Request limit exceeded.",
        "ec2_throttled",
    ),
    ("api error Throttling: Rate exceeded", "ec2_throttled"),
    (
        "api error Unavailable: The service is unavailable. Please try again shortly.",
        "ec2_server_error",
    ),
    (
        "api error InternalError: An internal error has occurred",
        "ec2_server_error",
    ),
    (
        "api error OptInRequired: You are not subscribed to this service.",
        "aws_region_not_enabled",
    ),
    (
        "api error InvalidInstanceID.NotFound: The instance ID 'i-0abc' does not exist",
        "ec2_region_wrong",
    ),
    (
        "api error InvalidClientTokenId: The security token included in the request is invalid.",
        "aws_key_invalid",
    ),
    (
        "api error SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided.",
        "aws_key_secret_wrong",
    ),
    (
        "api error SignatureDoesNotMatch: Signature expired: 20261122T130454Z is now earlier than 20261122T132000Z",
        "aws_clock_skew",
    ),
    (
        "api error RequestTimeTooSkewed: The difference between the request time and the current time is too large.",
        "aws_clock_skew",
    ),
    (
        "api error ExpiredToken: The security token included in the request is expired",
        "aws_session_expired",
    ),
    (
        "api error UnknownError: UnknownError",
        "ec2_unexpected_body",
    ),
    (
        "request send failed, Post \\\"https://ec2.eu-central-1.amazonaws.com/\\\": net/http: TLS handshake timeout",
        "tls_handshake_timeout",
    ),
    (
        "request send failed, Post \\\"https://ec2.eu-central-1.amazonaws.com/\\\": dial tcp: lookup ec2.eu-central-1.amazonaws.com: i/o timeout",
        "net_dns_timeout",
    ),
    (
        "request send failed, Post \\\"https://ec2.eu-central-1.amazonaws.com/\\\": Forbidden",
        "proxy_denied",
    ),
    ("canceled, context deadline exceeded", "net_no_answer"),
    (
        "deserialization failed, failed to decode response body, expected element",
        "ec2_unexpected_body",
    ),
];

#[test]
fn ec2_errors_have_their_modes_at_start_and_later() {
    for wrapper in [
        r#"level=error msg="registering cluster: building register cluster request: getting cluster name: describing instance_id=i-0abc"#,
        r#"level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances"#,
    ] {
        assert_classified(
            |error| {
                classify_line(&format!(
                    "time=\"2026-11-22T13:04:54Z\" {wrapper}: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: , {error}\" provider=eks"
                ))
            },
            EC2_ERRORS,
        );
    }
    let attempts = r#"time="2026-11-22T13:04:54Z" level=error msg="describing instance_id=i-0abc: operation error EC2: DescribeInstances, exceeded maximum number of attempts, 3, https response error StatusCode: 503, RequestID: 1, api error RequestLimitExceeded: Request limit exceeded.""#;
    let skew = r#"time="2026-11-22T13:04:54Z" level=error msg="describing instance_id=i-0abc: operation error EC2: DescribeInstances, Probable clock skew error: https response error StatusCode: 400, RequestID: 1, api error RequestExpired: Request has expired.""#;
    assert_classified(
        classify_line,
        &[
            (attempts, "ec2_throttled"),
            (skew, "aws_auth_failure_ambiguous"),
        ],
    );
}

const METADATA: &[Row] = &[
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="checking for cloud events: Get \"http://169.254.169.254/latest/meta-data/spot/instance-action\": dial tcp 169.254.169.254:80: i/o timeout""#,
        "aws_imds_unreachable",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: getting cluster name: no tags found for instance_id=i-0abc""#,
        "ec2_tags_missing",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: getting cluster name: discovering cluster name: instance cluster tags not found for instance_id=i-0abc""#,
        "ec2_tags_missing",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: getting cluster name: no reservations found for instance_id=i-0abc""#,
        "ec2_instance_not_visible",
    ),
    (
        "panic: env variable EKS_REGION is required when discovery is disabled",
        "agent_config_env_missing",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: autodiscovering cluster metadata: Get \"http://169.254.169.254/computeMetadata/v1/project/project-id\": dial tcp 169.254.169.254:80: i/o timeout\nProvide required GKE_PROJECT_ID environment variable""#,
        "gcp_metadata_unreachable",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: autodiscovering cluster metadata: metadata: GCE metadata \"instance/attributes/cluster-name\" not defined\nProvide required GKE_CLUSTER_NAME environment variable""#,
        "gcp_metadata_attr_missing",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed to retrieve instance metadata: Get \"http://169.254.169.254/metadata/instance?api-version=2021-05-01&format=json\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)""#,
        "azure_imds_unreachable",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: autodiscovering cluster metadata: failed to get location metadata: provide required AKS_LOCATION environment variable""#,
        "metadata_unresolvable",
    ),
];

#[test]
fn missing_metadata_has_its_mode() {
    assert_classified(classify_line, METADATA);
}

const BODIES: &[Row] = &[
    (
        r#"<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform this operation.</Message></Error></Errors><RequestID>1</RequestID></Response>"#,
        "ec2_denied_unspecified",
    ),
    (
        r"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>User: x is not authorized to perform: ec2:DescribeInstances with an explicit deny in a service control policy</Message></Error></Errors><RequestID>1</RequestID></Response>",
        "ec2_denied_scp",
    ),
    (
        r"<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors><RequestID>1</RequestID></Response>",
        "ec2_throttled",
    ),
    (
        r"<Response><Errors><Error><Code>AuthFailure</Code><Message>AWS was not able to validate the provided access credentials</Message></Error></Errors><RequestID>1</RequestID></Response>",
        "aws_auth_failure_ambiguous",
    ),
    (
        r"<Response><Errors><Error><Code>DryRunOperation</Code><Message>Request would have succeeded, but DryRun flag is set.</Message></Error></Errors></Response>",
        "",
    ),
    (
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error><RequestId>1</RequestId></ErrorResponse>"#,
        "aws_irsa_trust_denied",
    ),
    (
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: x is not authorized to perform: sts:GetCallerIdentity</Message></Error></ErrorResponse>"#,
        "aws_sts_denied",
    ),
    (
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ExpiredTokenException</Code><Message>Token expired: current date/time 1 must be before the expiration date/time0</Message></Error></ErrorResponse>"#,
        "aws_irsa_token_expired",
    ),
    (
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>"#,
        "aws_session_expired",
    ),
    (
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>No OpenIDConnect provider found in your account for https://oidc.eks.eu-central-1.amazonaws.com/id/ABC</Message></Error></ErrorResponse>"#,
        "aws_irsa_oidc_provider_missing",
    ),
    (
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"#,
        "aws_sts_throttled",
    ),
    (
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>"#,
        "aws_key_invalid",
    ),
    (
        r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role r."}"#,
        "aws_imds_role_trust",
    ),
    (
        r#"{"message":"EKS does not have permissions to assume the associated role."}"#,
        "aws_pod_identity_denied",
    ),
    (
        r#"{"__type":"com.amazonaws#ThrottlingException","message":"Rate exceeded"}"#,
        "ec2_throttled",
    ),
];

#[test]
fn aws_error_bodies_have_their_modes() {
    assert_classified(|text| classify(Some(TextKind::AwsErrorBody), text), BODIES);
    assert_classified(classify_line, BODIES);
    assert_classified(
        |text| classify(Some(TextKind::AwsErrorBody), text),
        &[
            (
                r#"<?xml version="1.0" encoding="iso-8859-1"?><html><head><title>401 - Unauthorized</title></head></html>"#,
                "aws_imds_token_required",
            ),
            (
                r#"{"message":"The security token included in the request is invalid."}"#,
                "aws_key_invalid",
            ),
            ("<html><body>blocked</body></html>", "ec2_unexpected_body"),
        ],
    );
}
