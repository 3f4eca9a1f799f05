//! Errors of the connection to CAST AI.

use super::super::{Row, assert_classified, classify_line};

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
        "net_no_answer",
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
        "proxy_bad_gateway",
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
