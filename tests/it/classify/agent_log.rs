//! Lines of the agent and its siblings, as they were seen.

use super::*;

const DOCUMENT: &[Row] = &[(
    r#"time="2021-11-13T05:19:54Z" level=fatal msg="agent failed: registering cluster: getting namespace \"kube-system\": Get \"https://100.10.1.0:443/api/v1/namespaces/kube-system\": net/http: TLS handshake timeout" provider=eks version=v0.22.1"#,
    "tls_handshake_timeout",
)];

#[test]
fn lines_of_the_troubleshooting_document_have_their_modes() {
    assert_classified(classify_line, DOCUMENT);
}

const HEALTHY: &[Row] = &[
    ("", ""),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="starting healthz on port: 9876" version=v0.123.1"#,
        "",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="cluster registered" cluster_id=46d0d683-da70-4f69-b970-8d6509001c10 provider=eks version=v0.123.1"#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="delta upload finished" full_snapshot=true items=120 response_code=204 roundtrip_duration_ms=41"#,
        "",
    ),
    (
        r#"time="2021-11-22T13:05:54Z" level=info msg="delta with items[12] sent, response_code=204""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="Not a leader, skipping sending deltas""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="Informer cache for *v1.Pod has not been synced after 1m0.000123s""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="Failed getting pod metrics, check metrics server health: the server is currently unable to handle the request (get pods.metrics.k8s.io)""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="healthz server closed""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="Error when getting server resources: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="Skipping conditional informer name: *v1.PodDisruptionBudget, because required access is not available""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="loading metadata failed: parsing json: unexpected end of JSON input""#,
        "",
    ),
    (
        r#"I1122 13:04:55.148702       1 request.go:752] "Waited before sending request" delay="1.2s" reason="client-side throttling, not priority and fairness" verb="POST" URL="https://10.96.0.1:443/apis/authorization.k8s.io/v1/selfsubjectaccessreviews""#,
        "",
    ),
    (
        "I1122 13:04:55.148702       1 leaderelection.go:257] attempting to acquire leader lease castai-agent/agent-leader-election-lock...",
        "",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: Put "https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock-registration": context canceled, falling back to slow path"#,
        "",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:448] error retrieving resource lock castai-agent/agent-leader-election-lock-registration: client rate limiter Wait returned an error: context canceled",
        "",
    ),
    (
        "I1122 13:04:55.148702       1 leaderelection.go:297] failed to renew lease castai-agent/agent-leader-election-lock-registration: context canceled",
        "",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: Operation cannot be fulfilled on leases.coordination.k8s.io \"agent-leader-election-lock\": the object has been modified; please apply your changes to the latest version and try again, falling back to slow path",
        "",
    ),
    (
        "W1122 13:04:55.148702       1 reflector.go:484] watch of *v1.Pod ended with: too old resource version: 4711 (4712)",
        "",
    ),
    (
        "SDK 2026/11/22 13:03:16 DEBUG retrying request EC2/DescribeInstances, attempt 2",
        "",
    ),
    (
        "WARNING: EKS_ACCOUNT_ID was provided in scientific notation (\"5.892517896e+11\"), normalized to 589251789600",
        "metadata_account_malformed",
    ),
];

#[test]
fn healthy_log_lines_have_no_mode() {
    assert_classified(classify_line, HEALTHY);
}

const CONSEQUENCES: &[Row] = &[
    (
        "E1122 13:04:55.148702       1 memcache.go:287] couldn't get resource list for metrics.k8s.io/v1beta1: the server is currently unable to handle the request",
        "",
    ),
    (
        "SDK 2026/11/22 13:03:16 WARN falling back to IMDSv1: operation error ec2imds: getToken, http response error StatusCode: 0, request to EC2 IMDS failed",
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=error msg="failed to send logs after shutdown timed out""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": context canceled""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=error msg="agent stopped with an error: healthz server: http: Server closed""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="context done""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=error msg="leader election stopped unexpectedly - triggering app shutdown""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=info msg="shutdown triggered by \"leader election\"" error="leader election stopped unexpectedly""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="failed sending delta request: Post \"https://api.cast.ai/v1/kubernetes/clusters/1/agent-deltas\": io: read/write on closed pipe" attempts=2"#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=error msg="compressing json: io: read/write on closed pipe""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="failed to register cluster with lease, falling back to direct registration" error="context canceled before registration was initiated: context deadline exceeded""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=warning msg="failed to store metadata in a config map: Patch \"https://10.96.0.1:443/api/v1/namespaces/castai-agent/configmaps/castai-agent-metadata\": context canceled""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:05:54Z" level=error msg="unexpected agent restart detected, fetching k8s events for castai-agent/castai-agent-5d8f7-abcde""#,
        "",
    ),
    (
        r#"E1122 13:04:55.148702       1 panic.go:236] "Observed a panic" panic="runtime error: index out of range [1] with length 1" panicGoValue="x" stacktrace="y""#,
        "",
    ),
    (
        "panic: runtime error: index out of range [1] with length 1 [recovered]",
        "",
    ),
    ("panic({0x2a1b3c0?, 0xc000612340?})", ""),
    ("goroutine 1 [running]:", ""),
    (
        "\tgithub.com/castai/k8s-agent/cmd/agent/run.go:123 +0x1d",
        "",
    ),
];

#[test]
fn consequences_have_no_mode() {
    assert_classified(classify_line, CONSEQUENCES);
}

const CASTAI_CONNECTION: &[Row] = &[
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp: lookup api.cast.ai on 10.96.0.10:53: no such host, Attempt 1"#,
        "net_dns_nxdomain",
    ),
    (
        r#"2026/11/22 13:04:54.148702 ERROR RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp: lookup api.cast.ai: no such host"#,
        "net_dns_nxdomain",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp: lookup api.cast.ai on 10.96.0.10:53: server misbehaving, Attempt 1"#,
        "net_dns_servfail",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp: lookup api.cast.ai: i/o timeout, Attempt 1"#,
        "net_dns_timeout",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp: lookup api.cast.ai on 10.96.0.10:53: read udp 10.244.0.7:51532->10.96.0.10:53: i/o timeout, Attempt 1"#,
        "net_dns_timeout",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp 203.0.113.7:443: i/o timeout, Attempt 1"#,
        "net_connect_timeout",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp 203.0.113.7:443: connect: connection timed out, Attempt 1"#,
        "net_connect_timeout",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp 203.0.113.7:443: connect: connection refused, Attempt 4"#,
        "net_refused",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp [2001:db8::7]:443: connect: network is unreachable, Attempt 4"#,
        "net_unreachable",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": dial tcp 203.0.113.7:443: connect: no route to host, Attempt 4"#,
        "net_unreachable",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": EOF, Attempt 1"#,
        "net_reset",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": read tcp 10.244.0.7:40000->203.0.113.7:443: read: connection reset by peer, Attempt 1"#,
        "net_reset",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": net/http: TLS handshake timeout, Attempt 1"#,
        "tls_handshake_timeout",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": net/http: request canceled (Client.Timeout exceeded while awaiting headers), Attempt 1"#,
        "http_timeout",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": context deadline exceeded (Client.Timeout exceeded while awaiting headers), Attempt 1"#,
        "http_timeout",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": context deadline exceeded, Attempt 1"#,
        "http_timeout",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": net/http: invalid header field value for "X-Api-Key", Attempt 1"#,
        "castai_key_malformed",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https:/v1/kubernetes/external-clusters": http: no Host in request URL, Attempt 1"#,
        "agent_config_invalid",
    ),
    (
        "2026/11/22 13:04:54.148702 ERROR RESTY json: cannot unmarshal number into Go struct field AgentTelemetryResponse.intervalSeconds of type string",
        "castai_unexpected_body",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused, Attempt 1"#,
        "proxy_unreachable",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": proxyconnect tcp: dial tcp: lookup proxy.corp on 10.96.0.10:53: no such host, Attempt 1"#,
        "proxy_unreachable",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": Proxy Authentication Required, Attempt 1"#,
        "proxy_auth_required",
    ),
    (
        r#"2026/11/22 13:04:54.148702 WARN RESTY Post "https://api.cast.ai/v1/kubernetes/external-clusters": Forbidden, Attempt 1"#,
        "proxy_denied",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": Bad Gateway""#,
        "proxy_denied",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": Proxy Authentication Required""#,
        "proxy_auth_required",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to register cluster with lease, falling back to direct registration" error="registration failed: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": net/http: TLS handshake timeout""#,
        "tls_handshake_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": tls: failed to verify certificate: x509: certificate signed by unknown authority""#,
        "tls_unknown_authority",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"Zscaler Root CA\")""#,
        "tls_intercepted",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-22T13:04:54Z is after 2026-11-01T00:00:00Z""#,
        "tls_expired",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-22T13:04:54Z is before 2026-12-01T00:00:00Z""#,
        "tls_not_yet_valid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": x509: certificate is valid for wrong.example, not api.cast.ai""#,
        "tls_hostname_mismatch",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": tls: first record does not look like a TLS handshake""#,
        "tls_protocol",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": remote error: tls: handshake failure""#,
        "tls_protocol",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": net/http: HTTP/1.x transport connection broken: malformed HTTP response \"\\x00\\x01\"""#,
        "http_protocol",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https://api.cast.ai/v1/kubernetes/external-clusters\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)""#,
        "net_connect_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=fatal msg="agent failed: registering cluster: requesting castai api: Post \"https://https://api.cast.ai/v1/kubernetes/external-clusters\": dial tcp: lookup https: no such host" provider=eks version=v0.22.1"#,
        "agent_config_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: request error status_code=401 body={\"message\":\"Unauthorized\",\"fieldViolations\":[]}""#,
        "castai_token_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: request error status_code=500 body={\"message\":\"Internal Server Error\",\"fieldViolations\":[]}""#,
        "castai_server_error",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: request error status_code=403 body=<!DOCTYPE html>\n<html lang=en>\n <title>Error 403 (Forbidden)!!1</title>""#,
        "castai_waf_blocked",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: request error status_code=404 body={\"message\":\"Not Found\"}""#,
        "castai_client_error",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="cluster ID is still empty after initialization""#,
        "castai_unexpected_body",
    ),
];

#[test]
fn castai_connection_errors_have_their_modes() {
    assert_classified(classify_line, CASTAI_CONNECTION);
}

const RUNNING: &[Row] = &[
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed getting agent configuration: request error status_code=401 body={\"message\":\"Unauthorized\"}""#,
        "castai_token_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed sending delta: delta request error: request_id=\"0a1b2c\" status_code=401 body={\"message\":\"Unauthorized\"}""#,
        "castai_token_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed sending delta: delta request error: request_id=\"0a1b2c\" status_code=404 body={\"message\":\"cluster not found\"}""#,
        "castai_cluster_not_found",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed sending delta: delta request error: request_id=\"\" status_code=403 body=<html><head><title>403 Forbidden</title></head></html>""#,
        "castai_waf_blocked",
    ),
    (
        r#"time="2023-11-22T13:04:54Z" level=error msg="failed sending delta: delta request error request_id=\"0a1b2c\" status_code=429 body={\"message\":\"quota exceeded: 10\"}""#,
        "castai_rate_limited",
    ),
    (
        r#"time="2023-11-22T13:04:54Z" level=error msg="failed sending delta: delta request error status_code=500 body={}""#,
        "castai_server_error",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed to send logs: request error status_code=401 body={\"message\":\"Unauthorized\"}""#,
        "castai_token_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed sending delta: timed out waiting for the condition""#,
        "castai_delivery_failed",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed sending delta request: Post \"https://api.cast.ai/v1/kubernetes/clusters/1/agent-deltas\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)" attempts=1"#,
        "http_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed sending delta request: Post \"https://api.cast.ai/v1/kubernetes/clusters/1/agent-deltas\": context deadline exceeded" attempts=1"#,
        "http_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed sending delta request: Post \"https://api.cast.ai/v1/kubernetes/clusters/1/agent-deltas\": http2: client connection lost" attempts=1"#,
        "http_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed sending delta request: Post \"https://api.cast.ai/v1/kubernetes/clusters/1/agent-deltas\": unexpected EOF" attempts=1"#,
        "net_reset",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed getting agent configuration: Post \"https://api.cast.ai/v1/kubernetes/clusters/1/agent-config\": net/http: TLS handshake timeout""#,
        "tls_handshake_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="restarting controller due to continuity token mismatch""#,
        "castai_continuity_token",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed sending delta: delta request error: request_id=\"a\" status_code=400 body={\"message\":\"invalid continuity token\"}""#,
        "castai_continuity_token",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="polling actions: get action request failed: iteration: 3 get cluster-actions: request error host=https://api.cast.ai, status_code=403 body={\"message\":\"Forbidden\"}" func=x file=y"#,
        "castai_forbidden",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="polling actions: get action request failed: iteration: 3 get cluster-actions: request error host=https://api.cast.ai, status_code=401 body={\"message\":\"Unauthorized\"}" func=x file=y"#,
        "castai_token_invalid",
    ),
    (
        r#"time=2026-11-22T13:04:54.148Z level=ERROR msg="sending metrics" err="rpc error: code = Unauthenticated desc = invalid token""#,
        "castai_token_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="failed to sync" provider=eks"#,
        "agent_not_ready_initialising",
    ),
    (
        r#"{"time":"2026-11-22T13:04:54Z","level":"ERROR","source":{"file":"x.go","line":3},"msg":"sending batch","error":"Post \"https://api.cast.ai/v1/x\": dial tcp 203.0.113.7:443: i/o timeout"}"#,
        "net_connect_timeout",
    ),
    (
        r#"time=2026-11-22T13:04:54.148Z level=ERROR source=export.go:12 msg="export failed" err="Post \"https://api.cast.ai/v1/x\": EOF""#,
        "net_reset",
    ),
];

#[test]
fn runtime_errors_have_their_modes() {
    assert_classified(classify_line, RUNNING);
}

const API_SERVER: &[Row] = &[
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock-registration: Get "https://10.96.0.21:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock-registration?timeout=10s": net/http: TLS handshake timeout"#,
        "tls_handshake_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="failed to store metadata in a config map: Patch \"https://10.96.0.21:443/api/v1/namespaces/castai-agent/configmaps/castai-agent-metadata\": net/http: TLS handshake timeout""#,
        "tls_handshake_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"controller\"" error="running controller function: getting kubernetes version: getting server version: Get \"https://10.96.0.21:443/version\": net/http: TLS handshake timeout""#,
        "tls_handshake_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"controller\"" error="running controller function: getting kubernetes version: getting server version: Get \"https://10.96.0.21:443/version\": dial tcp 10.96.0.21:443: connect: connection refused""#,
        "net_refused",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"controller\"" error="running controller function: getting kubernetes version: getting server version: the server has asked for the client to provide credentials""#,
        "k8s_unauthorized",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"controller\"" error="running controller function: getting kubernetes version: getting server version: an error on the server (\"unknown\") has prevented the request from succeeding""#,
        "k8s_server_error",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="shutdown triggered by \"controller\"" error="something new""#,
        "unclassified",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: getting kube-system namespace id: getting namespace \"kube-system\": Get \"https://10.96.0.1:443/api/v1/namespaces/kube-system\": net/http: TLS handshake timeout""#,
        "tls_handshake_timeout",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="Error when getting server resources: Get \"https://10.96.0.1:443/api\": net/http: TLS handshake timeout""#,
        "tls_handshake_timeout",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: Get "https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock": Forbidden"#,
        "proxy_denied",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: leases.coordination.k8s.io "agent-leader-election-lock" is forbidden: User "system:serviceaccount:castai-agent:castai-agent" cannot get resource "leases" in API group "coordination.k8s.io" in the namespace "castai-agent""#,
        "k8s_rbac_forbidden",
    ),
    (
        r#"E1122 13:04:55.148702       1 reflector.go:205] "Failed to watch" err="failed to list *v1.Pod: pods is forbidden: User \"system:serviceaccount:castai-agent:castai-agent\" cannot list resource \"pods\" in API group \"\" at the cluster scope" logger="UnhandledError" reflector="k8s.io/client-go/informers/factory.go:160" type="*v1.Pod""#,
        "k8s_rbac_forbidden",
    ),
    (
        r#"E1122 13:04:55.148702       1 reflector.go:138] pkg/mod/k8s.io/client-go@v0.21.1/tools/cache/reflector.go:167: Failed to watch *v1.Pod: failed to list *v1.Pod: pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope"#,
        "k8s_anonymous_forbidden",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: Unauthorized, falling back to slow path",
        "k8s_unauthorized",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: Unauthorized",
        "k8s_unauthorized",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: etcdserver: request timed out, falling back to slow path",
        "k8s_etcd_error",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: the server has received too many requests and has asked us to try again later (put leases.coordination.k8s.io agent-leader-election-lock), falling back to slow path",
        "k8s_throttled",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: the server is currently unable to handle the request (put leases.coordination.k8s.io agent-leader-election-lock), falling back to slow path",
        "k8s_server_error",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:441] Failed to update lock optimistically: Put "https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/agent-leader-election-lock": context deadline exceeded, falling back to slow path"#,
        "k8s_no_answer",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:448] error retrieving resource lock castai-agent/agent-leader-election-lock: client rate limiter Wait returned an error: context deadline exceeded",
        "k8s_no_answer",
    ),
    (
        "E1122 13:04:55.148702       1 leaderelection.go:448] error retrieving resource lock castai-agent/agent-leader-election-lock: client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline",
        "k8s_no_answer",
    ),
    (
        r#"I1122 13:04:55.148702       1 reflector.go:556] "Warning: watch ended with error" reflector="k8s.io/client-go/informers/factory.go:160" type="*v1.Pod" err="an error on the server (\"unable to decode an event from the watch stream: http2: client connection lost\") has prevented the request from succeeding""#,
        "k8s_no_answer",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: an error on the server ("<html><head><title>502 Bad Gateway</title></head></html>") has prevented the request from succeeding (get leases.coordination.k8s.io agent-leader-election-lock)"#,
        "k8s_unexpected_body",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: Get "https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/x": tls: failed to verify certificate: x509: certificate is valid for 10.0.0.1, not 10.96.0.1"#,
        "tls_hostname_mismatch",
    ),
    (
        r#"E1122 13:04:55.148702       1 leaderelection.go:436] error retrieving resource lock castai-agent/agent-leader-election-lock: Get "https://10.96.0.1:443/apis/coordination.k8s.io/v1/namespaces/castai-agent/leases/x": x509: cannot validate certificate for 10.96.0.1 because it doesn't contain any IP SANs"#,
        "tls_hostname_mismatch",
    ),
    (
        r#"E1122 13:04:55.148702       1 reflector.go:205] "Failed to watch" err="failed to list autoscaling.cast.ai/v1, Resource=recommendations: Get \"https://10.96.0.1/apis/autoscaling.cast.ai/v1/recommendations?limit=500\": http2: client connection lost" type="x""#,
        "k8s_no_answer",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="reading: Get \"https://10.96.0.1/apis/autoscaling.cast.ai/v1/x\": http2: client connection lost""#,
        "k8s_no_answer",
    ),
    (
        r#"E1122 13:04:55.148702       1 panic.go:236] "Observed a panic" panic="failed getting kubernetes version: Get \"https://10.96.0.1:443/version\": dial tcp 10.96.0.1:443: i/o timeout""#,
        "net_connect_timeout",
    ),
    (
        r#"E0506 14:24:03.000000       1 panic.go:236] Observed a panic: &errors.errorString{s:"failed getting kubernetes version: Get \"https://10.96.0.1:443/version\": dial tcp 10.96.0.1:443: i/o timeout"}"#,
        "net_connect_timeout",
    ),
];

#[test]
fn apiserver_errors_have_their_modes() {
    assert_classified(classify_line, API_SERVER);
}

const SETTINGS: &[Row] = &[
    (
        "* error decoding 'Log.Level': strconv.ParseInt: parsing \"debug\": invalid syntax",
        "agent_config_invalid",
    ),
    (
        r#"Error: env variable "API_KEY" is required"#,
        "castai_key_missing",
    ),
    (
        r#"env variable "API_KEY" is required"#,
        "castai_key_missing",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="getting provider: unknown provider \"ekz\"""#,
        "agent_config_invalid",
    ),
    (
        "panic: parsing configuration: 1 error(s) decoding:",
        "agent_config_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=fatal msg="resty client failed: creating TLS config: failed to add root certificate to CA pool""#,
        "agent_config_invalid",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="registering cluster: requesting castai api: Post \"https:/v1/kubernetes/external-clusters\": http: no Host in request URL""#,
        "agent_config_invalid",
    ),
];

#[test]
fn configuration_errors_have_their_modes() {
    assert_classified(classify_line, SETTINGS);
}

const UNKNOWN: &[Row] = &[
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="the flux capacitor is empty""#,
        "unclassified",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=fatal msg="the flux capacitor is empty""#,
        "unclassified",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=warning msg="the flux capacitor is getting empty""#,
        "",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=info msg="the flux capacitor failed""#,
        "",
    ),
    ("panic: the flux capacitor is empty", "unclassified"),
    (
        r#"E1122 13:04:55.148702       1 panic.go:236] "Observed a panic" panic="the flux capacitor is empty""#,
        "unclassified",
    ),
    (
        r#"time="2026-11-22T13:04:54Z" level=error msg="fetching the chart: unexpected status code: 503""#,
        "unclassified",
    ),
    ("the flux capacitor failed", "unclassified"),
    ("the flux capacitor is full", ""),
];

#[test]
fn unrecognised_error_lines_are_unclassified() {
    assert_classified(classify_line, UNKNOWN);
}

#[test]
fn kubectl_log_prefixes_are_ignored() {
    let line = r#"time="2026-11-22T13:04:54Z" level=error msg="failed to send logs: request error status_code=401 body={}""#;
    for prefix in [
        "2026-11-22T13:04:54.148702123Z ",
        "[pod/castai-agent-5d8f7-abcde/agent] ",
        "2026-11-22T13:04:54.148702123Z stderr F ",
        "    ",
    ] {
        assert_eq!(
            label(classify_line(&format!("{prefix}{line}"))),
            "castai_token_invalid",
            "{prefix}"
        );
    }
}
