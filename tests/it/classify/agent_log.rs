//! Lines of the agent and its siblings, as they were seen.

mod api_server;
mod castai_connection;
mod no_mode;

use super::*;

const DOCUMENT: &[Row] = &[(
    r#"time="2021-11-13T05:19:54Z" level=fatal msg="agent failed: registering cluster: getting namespace \"kube-system\": Get \"https://100.10.1.0:443/api/v1/namespaces/kube-system\": net/http: TLS handshake timeout" provider=eks version=v0.22.1"#,
    "tls_handshake_timeout",
)];

#[test]
fn lines_of_the_troubleshooting_document_have_their_modes() {
    assert_classified(classify_line, DOCUMENT);
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
        "net_no_answer",
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
