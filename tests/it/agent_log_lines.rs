//! One agent log line for every mode that `agent_log` can report.

use castai_health_exporter::catalogue::{FailureMode, FailureMode as M};

/// Modes with a line that names them.
pub(crate) const LINES: &[(FailureMode, &str)] = &[
    (
        M::NetConnectTimeout,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp 203.0.113.7:443: i/o timeout, Attempt 1"#,
    ),
    (
        M::NetDnsNoAddress,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp: lookup api.cast.ai: no suitable address found, Attempt 1"#,
    ),
    (
        M::NetDnsNxdomain,
        r#"2026/11/22 13:04:54.148702 ERROR RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp: lookup api.cast.ai: no such host"#,
    ),
    (
        M::NetDnsServfail,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp: lookup api.cast.ai on 10.96.0.10:53: server misbehaving, Attempt 1"#,
    ),
    (
        M::NetDnsTimeout,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp: lookup api.cast.ai: i/o timeout, Attempt 1"#,
    ),
    (
        M::NetRefused,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp 203.0.113.7:443: connect: connection refused, Attempt 4"#,
    ),
    (
        M::NetReset,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": EOF, Attempt 1"#,
    ),
    (
        M::NetUnreachable,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp 203.0.113.7:443: connect: no route to host, Attempt 4"#,
    ),
    (
        M::ProxyAuthRequired,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": Proxy Authentication Required, Attempt 1"#,
    ),
    (
        M::ProxyBlockPage,
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed getting agent configuration: request error status_code=403 body=<!DOCTYPE html><html><head><title>Zscaler</title></head></html>""#,
    ),
    (
        M::ProxyDenied,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": Forbidden, Attempt 1"#,
    ),
    (
        M::ProxyUnreachable,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused, Attempt 1"#,
    ),
    (
        M::TlsExpired,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-22T13:04:54Z is after 2026-11-01T00:00:00Z""#,
    ),
    (
        M::TlsHandshakeTimeout,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": net/http: TLS handshake timeout, Attempt 1"#,
    ),
    (
        M::TlsHostnameMismatch,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": x509: certificate is valid for wrong.example, not api.cast.ai""#,
    ),
    (
        M::TlsIntercepted,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"Zscaler Root CA\")""#,
    ),
    (
        M::TlsNotYetValid,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-22T13:04:54Z is before 2026-12-01T00:00:00Z""#,
    ),
    (
        M::TlsProtocol,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": remote error: tls: handshake failure""#,
    ),
    (
        M::TlsUnknownAuthority,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": tls: failed to verify certificate: x509: certificate signed by unknown authority""#,
    ),
    (
        M::HttpProtocol,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": net/http: HTTP/1.x transport connection broken: malformed HTTP response \"\\x00\\x01\"""#,
    ),
    (
        M::HttpTimeout,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": context deadline exceeded (Client.Timeout exceeded while awaiting headers), Attempt 1"#,
    ),
    (
        M::NetNoAnswer,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": context deadline exceeded, Attempt 1"#,
    ),
    (
        M::CastaiClientError,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: request error status_code=404 body={\"message\":\"Not Found\"}""#,
    ),
    (
        M::CastaiClusterNotFound,
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed sending delta: delta request error: request_id=\"0a1b2c\" status_code=404 body={\"message\":\"cluster not found\"}""#,
    ),
    (
        M::CastaiContinuityToken,
        r#"time="2026-11-22T13:04:54Z" level=info msg="restarting controller due to continuity token mismatch""#,
    ),
    (
        M::CastaiDeliveryFailed,
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed sending delta: timed out waiting for the condition""#,
    ),
    (
        M::CastaiForbidden,
        r#"time="2026-11-22T13:04:54Z" level=error msg="polling actions: get action request failed: iteration: 3 get cluster-actions: request error host=https://api.cast.ai, status_code=403 body={\"message\":\"Forbidden\"}" func=x file=y"#,
    ),
    (
        M::CastaiKeyMalformed,
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": net/http: invalid header field value for "X-Api-Key", Attempt 1"#,
    ),
    (
        M::CastaiKeyMissing,
        r#"Error: env variable "API_KEY" is required"#,
    ),
    (
        M::CastaiRateLimited,
        r#"time="2023-11-22T13:04:54Z" level=error msg="failed sending delta: delta request error request_id=\"0a1b2c\" status_code=429 body={\"message\":\"quota exceeded: 10\"}""#,
    ),
    (
        M::CastaiServerError,
        r#"time="2023-11-22T13:04:54Z" level=error msg="failed sending delta: delta request error status_code=500 body={}""#,
    ),
    (
        M::CastaiTokenInvalid,
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed to send logs: request error status_code=401 body={\"message\":\"Unauthorized\"}""#,
    ),
    (
        M::CastaiUnexpectedBody,
        r#"time="2026-11-22T13:04:54Z" level=error msg="cluster ID is still empty after initialization""#,
    ),
    (
        M::CastaiWafBlocked,
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed sending delta: delta request error: request_id=\"\" status_code=403 body=<html><head><title>403 Forbidden</title></head></html>""#,
    ),
    (
        M::K8sAnonymousForbidden,
        r#"E1122 13:04:55.148702       1 reflector.go:138] pkg/mod/k8s.io/client-go@v0.21.1/tools/cache/reflector.go:167: Failed to watch *v1.Pod: failed to list *v1.Pod: pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope"#,
    ),
    (
        M::K8sEtcdError,
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: etcdserver: request timed out, falling back to slow path",
    ),
    (
        M::K8sNoAnswer,
        "E1122 13:04:55.148702       1 leaderelection.go:448] error retrieving resource lock castai-agent/agent-leader-election-lock: client rate limiter Wait returned an error: context deadline exceeded",
    ),
    (
        M::K8sRbacForbidden,
        r#"E1122 13:04:55.148702       1 reflector.go:205] "Failed to watch" err="failed to list *v1.Pod: pods is forbidden: User \"system:serviceaccount:castai-agent:castai-agent\" cannot list resource \"pods\" in API group \"\" at the cluster scope" logger="UnhandledError" reflector="k8s.io/client-go/informers/factory.go:160" type="*v1.Pod""#,
    ),
    (
        M::K8sServerError,
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: the server is currently unable to handle the request (put leases.coordination.k8s.io agent-leader-election-lock), falling back to slow path",
    ),
    (
        M::K8sThrottled,
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: the server has received too many requests and has asked us to try again later (put leases.coordination.k8s.io agent-leader-election-lock), falling back to slow path",
    ),
    (
        M::K8sTokenMissing,
        r#"time="2026-11-22T13:04:54Z" level=error msg="open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory""#,
    ),
    (
        M::K8sUnauthorized,
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: Unauthorized, falling back to slow path",
    ),
    (
        M::K8sUnexpectedBody,
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: an error on the server ("<html><head><title>502 Bad Gateway</title></head></html>") has prevented the request from succeeding (get leases.coordination.k8s.io agent-leader-election-lock)"#,
    ),
    (
        M::AwsAuthFailureAmbiguous,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error RequestExpired: Request has expired.""#,
    ),
    (
        M::AwsCaBundleInvalid,
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: creating aws sdk session: open /etc/missing.pem: no such file or directory""#,
    ),
    (
        M::AwsClockSkew,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error SignatureDoesNotMatch: Signature expired: 20261122T130454Z is now earlier than 20261122T132000Z""#,
    ),
    (
        M::AwsImdsDisabled,
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: getting instance region: operation error ec2imds: GetRegion, http response error StatusCode: 403, request to EC2 IMDS failed""#,
    ),
    (
        M::AwsImdsNoRole,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found, operation error ec2imds: GetMetadata, http response error StatusCode: 404, request to EC2 IMDS failed""#,
    ),
    (
        M::AwsImdsTokenRequired,
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: getting instance region: operation error ec2imds: GetRegion, http response error StatusCode: 401, request to EC2 IMDS failed""#,
    ),
    (
        M::AwsImdsUnreachable,
        r#"time="2026-11-22T13:04:54Z" level=error msg="checking for cloud events: Get \"http://169.254.169.254/latest/meta-data/spot/instance-action\": dial tcp 169.254.169.254:80: i/o timeout""#,
    ),
    (
        M::AwsIrsaIdpUnreachable,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 400, RequestID: 1-2-3, IDPCommunicationError: cannot reach""#,
    ),
    (
        M::AwsIrsaOidcProviderMissing,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, exceeded maximum number of attempts, 3, https response error StatusCode: 400, RequestID: 1-2-3, InvalidIdentityToken: No OpenIDConnect provider found in your account for https://oidc.eks.eu-central-1.amazonaws.com/id/ABC""#,
    ),
    (
        M::AwsIrsaRoleArnMissing,
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: creating aws sdk session: role ARN is not set""#,
    ),
    (
        M::AwsIrsaTokenExpired,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: building register cluster request: getting cluster name: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 400, RequestID: 1-2-3, ExpiredTokenException: Token expired: current date/time 1 must be before the expiration date/time0""#,
    ),
    (
        M::AwsIrsaTokenFileMissing,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve jwt from provide source, unable to read file at /var/run/secrets/eks.amazonaws.com/serviceaccount/token: open /var/run/secrets/eks.amazonaws.com/serviceaccount/token: no such file or directory""#,
    ),
    (
        M::AwsIrsaTokenInvalid,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, exceeded maximum number of attempts, 3, https response error StatusCode: 400, RequestID: 1-2-3, InvalidIdentityToken: Couldn't retrieve verification key from your identity provider""#,
    ),
    (
        M::AwsIrsaTrustDenied,
        r#"time="2024-11-22T13:04:54Z" level=error msg="agent stopped with an error: registering cluster: getting cluster name: describing instance_id=i-0abc: WebIdentityErr: failed to retrieve credentials\ncaused by: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity\n\tstatus code: 403, request id: 1-2-3""#,
    ),
    (
        M::AwsIrsaWrongAudience,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: describing instance_id=i-0abc: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, exceeded maximum number of attempts, 3, https response error StatusCode: 400, RequestID: 1-2-3, InvalidIdentityToken: Incorrect token audience""#,
    ),
    (
        M::AwsKeyInvalid,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error InvalidClientTokenId: The security token included in the request is invalid.""#,
    ),
    (
        M::AwsKeySecretWrong,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided.""#,
    ),
    (
        M::AwsNoCredentials,
        r#"time="2021-05-06T14:24:03Z" level=fatal msg=agent failed: getting provider: configuring aws client: NoCredentialProviders: no valid providers in chain""#,
    ),
    (
        M::AwsPodIdentityAgentUnreachable,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, exceeded maximum number of attempts, 3, request send failed, Get \"http://169.254.170.23/v1/credentials\": dial tcp 169.254.170.23:80: connect: connection refused""#,
    ),
    (
        M::AwsPodIdentityDenied,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [0a1b]: (AccessDeniedException): EKS does not have permissions to assume the associated role., fault: client\n""#,
    ),
    (
        M::AwsPodIdentityNoAssociation,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [0a1b]: (ResourceNotFoundException): no association, fault: client\n""#,
    ),
    (
        M::AwsPodIdentityUnsupportedByAgentSdk,
        r#"2026/11/22 13:03:16 Ignoring, HTTP credential provider invalid endpoint host, "169.254.170.23", only loopback hosts are allowed. <nil>"#,
    ),
    (
        M::AwsProfileInvalid,
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: creating aws sdk session: failed to get shared config profile, prod""#,
    ),
    (
        M::AwsRegionNotEnabled,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error OptInRequired: You are not subscribed to this service.""#,
    ),
    (
        M::AwsSessionExpired,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error ExpiredToken: The security token included in the request is expired""#,
    ),
    (
        M::AwsStsThrottled,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, RequestID: 2165c357, api error Throttling: Rate exceeded""#,
    ),
    (
        M::AwsStsUnreachable,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: request canceled, context deadline exceeded""#,
    ),
    (
        M::Ec2DeniedBoundary,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error UnauthorizedOperation: … because no permissions boundary allows the ec2:DescribeInstances action""#,
    ),
    (
        M::Ec2DeniedExplicitIdentity,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error UnauthorizedOperation: … with an explicit deny in an identity-based policy""#,
    ),
    (
        M::Ec2DeniedIdentityPolicy,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action""#,
    ),
    (
        M::Ec2DeniedRcp,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error UnauthorizedOperation: … with an explicit deny in a resource control policy""#,
    ),
    (
        M::Ec2DeniedResourcePolicy,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error UnauthorizedOperation: … with an explicit deny in a resource-based policy""#,
    ),
    (
        M::Ec2DeniedScp,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error UnauthorizedOperation: … with an explicit deny in a service control policy""#,
    ),
    (
        M::Ec2DeniedSessionPolicy,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error UnauthorizedOperation: … because no session policy allows the ec2:DescribeInstances action""#,
    ),
    (
        M::Ec2DeniedUnspecified,
        r#"time="2021-05-06T14:24:03Z" level=fatal msg="agent failed: registering cluster: getting cluster name: describing instance_id=i-026b5fadab5b69d67: UnauthorizedOperation: You are not authorized to perform this operation.\n\tstatus code: 403, request id: 2165c357-b4a6-4f30-9266-a51f4aaa7ce7""#,
    ),
    (
        M::Ec2DeniedVpcePolicy,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error UnauthorizedOperation: … because no VPC endpoint policy allows the ec2:DescribeInstances action""#,
    ),
    (
        M::Ec2InstanceNotVisible,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: getting cluster name: no reservations found for instance_id=i-0abc""#,
    ),
    (
        M::Ec2RegionWrong,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error InvalidInstanceID.NotFound: The instance ID 'i-0abc' does not exist""#,
    ),
    (
        M::Ec2ServerError,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error InternalError: An internal error has occurred""#,
    ),
    (
        M::Ec2TagsMissing,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: getting cluster name: no tags found for instance_id=i-0abc""#,
    ),
    (
        M::Ec2Throttled,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: 2165c357, api error Throttling: Rate exceeded""#,
    ),
    (
        M::Ec2UnexpectedBody,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, https response error StatusCode: 403, RequestID: , api error UnknownError: UnknownError""#,
    ),
    (
        M::GcpMetadataAttrMissing,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: autodiscovering cluster metadata: metadata: GCE metadata \"instance/attributes/cluster-name\" not defined\nProvide required GKE_CLUSTER_NAME environment variable""#,
    ),
    (
        M::GcpMetadataUnreachable,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: autodiscovering cluster metadata: Get \"http://169.254.169.254/computeMetadata/v1/project/project-id\": dial tcp 169.254.169.254:80: i/o timeout\nProvide required GKE_PROJECT_ID environment variable""#,
    ),
    (
        M::AzureImdsUnreachable,
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed to retrieve instance metadata: Get \"http://169.254.169.254/metadata/instance?api-version=2021-05-01&format=json\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)""#,
    ),
    (
        M::AgentConfigEnvMissing,
        "panic: env variable EKS_REGION is required when discovery is disabled",
    ),
    (
        M::AgentConfigInvalid,
        "panic: parsing configuration: 1 error(s) decoding:",
    ),
    (
        M::AgentLivenessKilled,
        r#"time="2026-11-22T13:04:54Z" level=error msg="k8s events detected: TYPE:Warning REASON:Killing TIMESTAMP:2026-11-22 13:04:50 +0000 UTC MESSAGE:Container agent failed liveness probe, will be restarted""#,
    ),
    (
        M::AgentNoLeader,
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error initially creating leader election record: namespaces "castai-agent" not found"#,
    ),
    (
        M::AgentNotReadyInitialising,
        r#"time="2026-11-22T13:04:54Z" level=error msg="error while collecting initial snapshot: waiting for initial snapshot collection: timed out""#,
    ),
    (
        M::AgentPortTaken,
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"healthz server\"" error="listen tcp :9876: bind: address already in use""#,
    ),
    (
        M::AgentUnhealthy,
        r#"time="2026-11-22T13:04:54Z" level=error msg="k8s events detected: TYPE:Warning REASON:Unhealthy TIMESTAMP:2026-11-22 13:04:54 +0000 UTC MESSAGE:Liveness probe failed: HTTP probe failed with statuscode: 503""#,
    ),
    (
        M::MetadataUnresolvable,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: autodiscovering cluster metadata: failed to get location metadata: provide required AKS_LOCATION environment variable""#,
    ),
    (
        M::AwsImdsRoleTrust,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, api error AssumeRoleUnauthorizedAccess: EC2 cannot assume the role castai""#,
    ),
    (
        M::AwsImdsServerError,
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: configuring aws client: getting instance region: operation error ec2imds: GetRegion, http response error StatusCode: 500, request to EC2 IMDS failed""#,
    ),
    (
        M::AwsPodIdentityBackendUnreachable,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [0b1c]: (ServiceUnavailableException): some text, fault: server\n""#,
    ),
    (
        M::AwsPodIdentityThrottled,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [0b1c]: (ThrottlingException): some text, fault: client\n""#,
    ),
    (
        M::AwsPodIdentityTokenInvalid,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to load credentials, : [0b1c]: (ExpiredTokenException): some text, fault: client\n""#,
    ),
    (
        M::AwsStsDenied,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 403, RequestID: a, api error AccessDenied: User: anonymous is not authorized to perform: sts:AssumeRoleWithWebIdentity because no VPC endpoint policy allows the sts:AssumeRoleWithWebIdentity action""#,
    ),
    (
        M::AwsStsServerError,
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to determine node lifecycle, some functionality might be limited: getting instances by instance IDs: describing instances: operation error EC2: DescribeInstances, get identity: get credentials: failed to refresh cached credentials, failed to retrieve credentials, operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 503, RequestID: a, api error ServiceUnavailable: a""#,
    ),
    (
        M::GcpMetadataHeaderMissing,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: autodiscovering cluster metadata: compute: Received 403 `Missing Metadata-Flavor:Google header`\nProvide required GKE_PROJECT_ID environment variable""#,
    ),
    (
        M::GcpMetadataNoSa,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: autodiscovering cluster metadata: metadata: GCE metadata \"instance/service-accounts/default/email\" not defined\nProvide required GKE_PROJECT_ID environment variable""#,
    ),
    (
        M::GcpMetadataRateLimited,
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: autodiscovering cluster metadata: compute: Received 429 `Too many requests`\nProvide required GKE_PROJECT_ID environment variable""#,
    ),
    (
        M::AzureImdsBadRequest,
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed to retrieve instance metadata: request failed: 400 Bad Request""#,
    ),
    (
        M::AzureImdsRateLimited,
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed to retrieve instance metadata: request failed: 429 Too Many Requests""#,
    ),
    (
        M::AgentCrashloop,
        r#"time="2026-11-22T13:04:54Z" level=error msg="k8s events detected: TYPE:Warning REASON:BackOff TIMESTAMP:2026-11-22 13:04:50 +0000 UTC MESSAGE:Back-off restarting failed container agent in pod castai-agent""#,
    ),
    (
        M::AgentHealthUnreachable,
        r#"time="2026-11-22T13:04:54Z" level=error msg="k8s events detected: TYPE:Warning REASON:Unhealthy TIMESTAMP:2026-11-22 13:04:50 +0000 UTC MESSAGE:Liveness probe failed: Get \"http://10.0.3.7:9876/healthz\": dial tcp 10.0.3.7:9876: connect: connection refused""#,
    ),
    (
        M::AgentUnresponsive,
        r#"time="2026-11-22T13:04:54Z" level=error msg="k8s events detected: TYPE:Warning REASON:Unhealthy TIMESTAMP:2026-11-22 13:04:50 +0000 UTC MESSAGE:Liveness probe failed: Get \"http://10.0.3.7:9876/healthz\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)""#,
    ),
    (
        M::AgentOomkilled,
        r#"time="2026-11-22T13:04:54Z" level=error msg="k8s events detected: TYPE:Warning REASON:OOMKilling TIMESTAMP:2026-11-22 13:04:50 +0000 UTC MESSAGE:Memory cgroup out of memory: Killed process 4711 (castai-agent)""#,
    ),
    (M::Unclassified, "panic: the flux capacitor is empty"),
];
