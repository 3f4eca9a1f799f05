//! Responses of the API server and of CAST AI: by status and body, and by body alone.

use super::*;

const FORBIDDEN: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"namespaces \"kube-system\" is forbidden: User \"system:serviceaccount:castai-agent:castai-agent\" cannot get resource \"namespaces\" in API group \"\" in the namespace \"kube-system\"","reason":"Forbidden","code":403}"#;
const ANONYMOUS: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"forbidden: User \"system:anonymous\" cannot get path \"/version\"","reason":"Forbidden","code":403}"#;
const UNAUTHORIZED: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#;
const THROTTLED: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"the server has received too many requests and has asked us to try again later","reason":"TooManyRequests","details":{"retryAfterSeconds":1},"code":429}"#;
const ETCD: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"etcdserver: request timed out","code":500}"#;
const NOT_READY: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"apiserver not ready","reason":"ServiceUnavailable","code":503}"#;
const VERSION: &str = r#"{"major":"1","minor":"36","gitVersion":"v1.36.2"}"#;
const PAGE: &str = "<html><head><title>503 Service Temporarily Unavailable</title></head></html>";

#[test]
fn apiserver_responses_are_classified_by_status_and_body() {
    let rows: &[(u16, &str, &str)] = &[
        (200, VERSION, ""),
        (200, "ok", ""),
        (
            200,
            "<!DOCTYPE html><title>Sign in</title>",
            "k8s_unexpected_body",
        ),
        (401, UNAUTHORIZED, "k8s_unauthorized"),
        (401, "<html>401</html>", "k8s_unexpected_body"),
        (403, FORBIDDEN, "k8s_rbac_forbidden"),
        (403, ANONYMOUS, "k8s_anonymous_forbidden"),
        (403, "Forbidden", "k8s_unexpected_body"),
        (302, "", "k8s_unexpected_body"),
        (404, "404 page not found", "k8s_unexpected_body"),
        (429, THROTTLED, "k8s_throttled"),
        (
            429,
            "Too many requests, please try again later.\n",
            "k8s_throttled",
        ),
        (500, ETCD, "k8s_etcd_error"),
        (504, ETCD, "k8s_etcd_error"),
        (
            500,
            "Internal Server Error: \"/version\": etcdserver: no leader",
            "k8s_etcd_error",
        ),
        (503, NOT_READY, "k8s_server_error"),
        (503, "service unavailable", "k8s_server_error"),
        (
            500,
            "This request caused apiserver to panic. Look in the logs for details.",
            "k8s_server_error",
        ),
        (503, PAGE, "k8s_unexpected_body"),
        (502, "", "k8s_unexpected_body"),
    ];
    for (status, body, expected) in rows {
        let mode = kube_status(*status, None, body.as_bytes()).map_or("", FailureMode::label);
        assert_eq!(mode, *expected, "{status} {body}");
    }
    assert_eq!(
        kube_status(200, Some("text/html; charset=utf-8"), b"hello"),
        Some(FailureMode::K8sUnexpectedBody)
    );
}

#[test]
fn apiserver_bodies_are_classified_without_status() {
    let rows: &[Row] = &[
        (FORBIDDEN, "k8s_rbac_forbidden"),
        (ANONYMOUS, "k8s_anonymous_forbidden"),
        (UNAUTHORIZED, "k8s_unauthorized"),
        (THROTTLED, "k8s_throttled"),
        (ETCD, "k8s_etcd_error"),
        (NOT_READY, "k8s_server_error"),
        (VERSION, ""),
        (
            r#"{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"kube-system"}}"#,
            "",
        ),
        (
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"}"#,
            "",
        ),
        (
            r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version: 1 (2)","reason":"Expired","code":410}"#,
            "",
        ),
        (
            r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Timeout: request did not complete within the allotted timeout","reason":"Timeout","code":504}"#,
            "k8s_server_error",
        ),
    ];
    assert_classified(|text| classify(None, text), rows);
    assert_classified(|text| classify(Some(TextKind::ApiserverBody), text), rows);
    let plain: &[Row] = &[
        (PAGE, "k8s_unexpected_body"),
        ("ok", ""),
        (
            "Too many requests, please try again later.",
            "k8s_throttled",
        ),
        (
            "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed",
            "k8s_etcd_error",
        ),
        (
            "[+]ping ok\n[+]etcd ok\n[-]poststarthook/rbac/bootstrap-roles failed: reason withheld",
            "k8s_server_error",
        ),
    ];
    assert_classified(|text| classify(Some(TextKind::ApiserverBody), text), plain);
}

const GOOGLE: &str = "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error 403 (Forbidden)!!1</title>";
const CLOUDFLARE: &str =
    "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head></html>";
const NGINX_401: &str = "<html>\r\n<head><title>401 Authorization Required</title></head>\r\n<body>\r\n<center><h1>401 Authorization Required</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
const NGINX_403: &str = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
const NGINX_429: &str = "<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n<body>\r\n<center><h1>429 Too Many Requests</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
const SQUID: &str = "<html><head><title>ERROR: The requested URL could not be retrieved</title></head><body>Generated by squid</body></html>";

#[test]
fn castai_responses_are_classified_by_status_and_error_code() {
    const JSON: &str = r#"{"message":"whatever","fieldViolations":[]}"#;
    let rows: &[(u16, &str, &str)] = &[
        (200, r#"{"id":"1"}"#, ""),
        (204, "", ""),
        (200, "<html>welcome</html>", "castai_unexpected_body"),
        (200, SQUID, "proxy_block_page"),
        (400, JSON, "castai_client_error"),
        (
            400,
            r#"{"message":"invalid continuity token"}"#,
            "castai_continuity_token",
        ),
        (401, JSON, "castai_token_invalid"),
        (401, "", "castai_token_invalid"),
        (401, "<html>401</html>", "castai_token_invalid"),
        (401, NGINX_401, "castai_token_invalid"),
        (401, SQUID, "proxy_block_page"),
        (403, NGINX_403, "castai_forbidden"),
        (429, NGINX_429, "castai_rate_limited"),
        (403, JSON, "castai_forbidden"),
        (403, GOOGLE, "castai_waf_blocked"),
        (403, CLOUDFLARE, "castai_waf_blocked"),
        (403, "error code: 1020", "castai_waf_blocked"),
        (403, SQUID, "proxy_block_page"),
        (404, JSON, "castai_cluster_not_found"),
        (404, "<html>404</html>", "castai_unexpected_body"),
        (407, "", "proxy_auth_required"),
        (409, JSON, "castai_client_error"),
        (422, JSON, "castai_client_error"),
        (429, JSON, "castai_rate_limited"),
        (429, CLOUDFLARE, "castai_waf_blocked"),
        (500, JSON, "castai_server_error"),
        (
            502,
            "<html><head><title>502 Bad Gateway</title></head></html>",
            "castai_server_error",
        ),
        (503, CLOUDFLARE, "castai_waf_blocked"),
        (302, "", "castai_unexpected_body"),
    ];
    for (status, body, expected) in rows {
        let mode = castai_answer(&Answer {
            status: *status,
            body,
            ..Answer::default()
        })
        .map_or("", FailureMode::label);
        assert_eq!(mode, *expected, "{status} {body}");
    }
}

#[test]
fn request_id_header_proves_a_castai_response() {
    let answer = Answer {
        status: 403,
        body: GOOGLE,
        request_id: Some("0a1b"),
        ..Answer::default()
    };
    assert_eq!(castai_answer(&answer), Some(FailureMode::CastaiForbidden));
    let answer = Answer {
        request_id: Some(""),
        ..answer
    };
    assert_eq!(castai_answer(&answer), Some(FailureMode::CastaiWafBlocked));
}

#[test]
fn http_responses_are_classified_with_and_without_headers() {
    let rows: &[Row] = &[
        (
            "HTTP/2 401\r\ncontent-type: application/json\r\n\r\n{\"message\":\"x\"}",
            "castai_token_invalid",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"id\":\"x\"}",
            "",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nContent-Type: text/html\r\n\r\n<html></html>",
            "proxy_block_page",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\nno",
            "castai_waf_blocked",
        ),
        (
            "HTTP/1.1 503 Service Unavailable\n\n",
            "castai_server_error",
        ),
        (
            r#"{"message":"Unauthorized","fieldViolations":[]}"#,
            "castai_token_invalid",
        ),
        (
            r#"{"message":"Forbidden","fieldViolations":[]}"#,
            "castai_forbidden",
        ),
        (
            r#"{"message":"cluster not found","fieldViolations":[]}"#,
            "castai_cluster_not_found",
        ),
        (
            r#"{"message":"Internal Server Error","fieldViolations":[]}"#,
            "castai_server_error",
        ),
        (
            r#"{"message":"quota exceeded: 10 per minute","fieldViolations":[]}"#,
            "castai_rate_limited",
        ),
        (
            r#"{"message":"invalid continuity token"}"#,
            "castai_continuity_token",
        ),
        (r#"{"code":16,"message":"nope"}"#, "castai_token_invalid"),
        (
            "HTTP/1.1 403 Forbidden {\"message\":\"x\"}",
            "castai_forbidden",
        ),
        (r#"{"message":"something new"}"#, "unclassified"),
        (
            r#"{"id":"46d0d683-da70-4f69-b970-8d6509001c10","status":"ready"}"#,
            "",
        ),
        (GOOGLE, "castai_waf_blocked"),
        (CLOUDFLARE, "castai_waf_blocked"),
        (SQUID, "proxy_block_page"),
        (
            "<html><head><title>502 Bad Gateway</title></head><body></body></html>",
            "castai_server_error",
        ),
        (
            "<html><head><title>Welcome</title></head></html>",
            "castai_unexpected_body",
        ),
    ];
    assert_classified(|text| classify(Some(TextKind::Http), text), rows);
    assert_classified(|text| classify(None, text), rows);
}

#[test]
fn plain_text_bodies_are_classified() {
    let http: &[Row] = &[
        ("401 Unauthorized", "castai_token_invalid"),
        (
            "HTTP 502: <html><head><title>502 Bad Gateway</title></head></html>",
            "castai_server_error",
        ),
        ("404 page not found", "castai_unexpected_body"),
        ("error code: 1020", "castai_waf_blocked"),
        (
            "upstream connect error or disconnect/reset before headers. reset reason: connection timeout",
            "castai_server_error",
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\nliveness check failed: last healthy action is over the healthy limit of 12m0s",
            "agent_unhealthy",
        ),
        ("something new failed", "unclassified"),
        ("welcome", ""),
    ];
    assert_classified(|text| classify(Some(TextKind::Http), text), http);
    let kubernetes: &[Row] = &[
        ("Unauthorized", "k8s_unauthorized"),
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\nservice unavailable",
            "k8s_server_error",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\n\r\n{\"kind\": \"Status\", \"message\": \"forbidden: User \\\"system:anonymous\\\" cannot get path \\\"/\\\"\", \"code\": 403}",
            "k8s_anonymous_forbidden",
        ),
    ];
    assert_classified(
        |text| classify(Some(TextKind::ApiserverBody), text),
        kubernetes,
    );
}
